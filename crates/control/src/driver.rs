//! How things outside are moved: services, endpoints, hooks, and what tells whether they are well. One file for each driver; a driver is
//! its settings, as they stand in a stack's file, with what it does about them. `docs/add-a-driver.md` shows how one is added.
//!
//! What every driver owes:
//! - It looks, then acts: asked twice it leaves the same as asked once, and it returns only when what it did can be seen.
//! - `probe` touches nothing, and says all that it finds, not the first thing.
//! - All that it must remember between two calls it gives back, and is given again: the daemon may die between them.
//! - Its errors say what was asked of whom, what was answered, and what can be done. Never a secret.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Error;
use crate::host::Host;

pub(crate) mod consumers;
pub(crate) mod database;
pub(crate) mod endpoint;
pub(crate) mod fill;
pub(crate) mod health;
pub(crate) mod hook;
pub(crate) mod program;
pub(crate) mod service;
pub(crate) mod web;
pub(crate) mod words;

/// What goes wrong outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// Whether the same may go well in a moment: nobody answered, as against somebody who said no.
    pub(crate) passes: bool,
}

pub(crate) type Outcome<T, E = Trouble> = std::result::Result<T, E>;

impl Trouble {
    /// It may go well in a moment.
    pub(crate) fn away(what: impl Into<String>) -> Trouble {
        Trouble { what: what.into(), hint: None, passes: true }
    }

    /// Somebody must do something about it.
    pub(crate) fn refused(what: impl Into<String>) -> Trouble {
        Trouble { what: what.into(), hint: None, passes: false }
    }

    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Trouble {
        Trouble { hint: Some(hint.into()), ..self }
    }

    /// With who had it: `service web: …`.
    pub(crate) fn of(self, who: &str) -> Error {
        let Trouble { what, hint, passes } = self;
        Error::Driver { who: who.to_owned(), what, hint, passes }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        let passes = error.kind() == crate::Kind::Unavailable;
        let body = error.body();
        Trouble { what: body.told(), hint: body.hint, passes }
    }
}

/// What all of them have in common.
#[async_trait]
pub(crate) trait Driver: Debug + Send + Sync {
    /// What it moves, in a few words: `systemd unit web.service`. Never a secret.
    fn what(&self) -> String;

    /// Everything that would be in its way; nothing is touched.
    async fn probe(&self, host: &Host) -> Vec<Trouble>;
}
