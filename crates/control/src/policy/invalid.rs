//! A text that people wrote and that cannot be understood: what is wrong with it, and what would be right.

use std::fmt::Display;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Invalid {
    /// With the offending words inside.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Invalid {
    pub(crate) fn new(what: impl Display) -> Invalid {
        Invalid { what: what.to_string(), hint: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Display) -> Invalid {
        self.hint = Some(hint.to_string());
        self
    }
}
