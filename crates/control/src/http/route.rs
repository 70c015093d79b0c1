//! One row of the table of routes: what a route is for, who may use it, what goes in and what comes out.

use api::Role;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::daemon::Daemon;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        }
    }
}

/// Of what the role is needed. Who has it for everything has it of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Everything,
    /// Of some stack: what is shown is only what may be seen.
    Something,
    /// Of the stack of what the path names.
    Source,
    Stack,
    Instance,
    Operation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// Whoever it is.
    SignedIn,
    Role(Role, Of),
}

/// What a request leaves in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audited {
    /// It changes nothing.
    No,
    /// Before it is begun, and when it is answered.
    Yes,
    /// Only when it is answered: of signing in, which anybody may try.
    After,
}

/// A type on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(super) name: fn() -> String,
    pub(super) schema: fn() -> RefOr<Schema>,
    pub(super) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
    pub(super) is_list: bool,
}

impl Shape {
    pub(super) fn of<T: ToSchema>() -> Shape {
        Shape { name: || T::name().into_owned(), schema: T::schema, parts: T::schemas, is_list: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
}

/// A word behind the question mark.
pub(crate) type Word = (&'static str, Kind, &'static str);

#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Below `base`.
    pub(crate) path: &'static str,
    pub(crate) base: &'static str,
    pub(crate) needs: Needs,
    pub(crate) summary: &'static str,
    pub(crate) words: &'static [Word],
    pub(crate) body: Option<Shape>,
    pub(crate) answer: Option<Shape>,
    pub(crate) audited: Audited,
    /// May take long: it asks a server, or reads much of the vault.
    pub(crate) slow: bool,
    /// Of the answer.
    pub(crate) media: &'static str,
    handler: Option<MethodRouter<Daemon>>,
}

pub(crate) const BASE: &str = "/api/v1";

impl Route {
    fn new(method: Method, path: &'static str, needs: Needs, summary: &'static str) -> Route {
        let audited = if method == Method::Get { Audited::No } else { Audited::Yes };
        let (words, body, answer, slow, handler) = (&[][..], None, None, false, None);
        let (base, media) = (BASE, "application/json");
        Route { method, path, base, needs, summary, words, body, answer, audited, slow, media, handler }
    }

    pub(super) fn takes<T: ToSchema>(self) -> Route {
        Route { body: Some(Shape::of::<T>()), ..self }
    }

    pub(super) fn gives<T: ToSchema>(self) -> Route {
        Route { answer: Some(Shape::of::<T>()), ..self }
    }

    pub(super) fn gives_list<T: ToSchema>(self) -> Route {
        Route { answer: Some(Shape { is_list: true, ..Shape::of::<T>() }), ..self }
    }

    pub(super) fn asks(self, words: &'static [Word]) -> Route {
        Route { words, ..self }
    }

    pub(super) fn audited(self, audited: Audited) -> Route {
        Route { audited, ..self }
    }

    /// Not JSON.
    pub(super) fn gives_text(self, media: &'static str) -> Route {
        Route { media, ..self }
    }

    /// Where everybody looks for it, not below `/api/v1`.
    pub(super) fn at_root(self) -> Route {
        Route { base: "", ..self }
    }

    pub(super) fn slow(self) -> Route {
        Route { slow: true, ..self }
    }

    pub(super) fn to<H: Handler<T, Daemon>, T: 'static>(self, handler: H) -> Route {
        let handler = Some(on(self.method.filter(), handler));
        Route { handler, ..self }
    }

    pub(super) fn handler(&self) -> MethodRouter<Daemon> {
        self.handler.clone().expect("each row of the table ends with its handler")
    }

    pub(crate) fn full_path(&self) -> String {
        format!("{}{}", self.base, self.path)
    }

    /// As in the audit log: `POST /api/v1/sources/{name}/backups`
    pub(crate) fn action(&self) -> String {
        format!("{} {}", self.method.name(), self.full_path())
    }
}

pub(super) fn get(path: &'static str, needs: Needs, summary: &'static str) -> Route {
    Route::new(Method::Get, path, needs, summary)
}

pub(super) fn post(path: &'static str, needs: Needs, summary: &'static str) -> Route {
    Route::new(Method::Post, path, needs, summary)
}

pub(super) fn put(path: &'static str, needs: Needs, summary: &'static str) -> Route {
    Route::new(Method::Put, path, needs, summary)
}

pub(super) fn delete(path: &'static str, needs: Needs, summary: &'static str) -> Route {
    Route::new(Method::Delete, path, needs, summary)
}
