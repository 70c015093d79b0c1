//! Why a command ended: always the wire's one error shape, whoever found it out. The command line's own codes are RK-4xxx.

use api::ErrorBody;
use control::{Code, Kind, code, kind_of};

/// The command line's own codes. They end the list of `docs/errors.md`.
const CODES: &[Code] = &[
    code("RK-4001", Kind::Input, "what was typed cannot be used"),
    code("RK-4002", Kind::Unavailable, "no daemon answers"),
    code("RK-4003", Kind::Internal, "the daemon's answer is not understood: two versions talk to each other"),
    code("RK-4004", Kind::Refused, "nobody agreed to go on"),
    code("RK-4005", Kind::Input, "a file on this side cannot be used"),
    code("RK-4006", Kind::Refused, "it was cancelled"),
    code("RK-4007", Kind::Refused, "it waits for a person"),
    code("RK-4099", Kind::Internal, "a defect of Rekindle"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub body: Box<ErrorBody>,
}

/// The exit code of a command that did what it was asked.
pub type Outcome = Result<u8, Failure>;

/// Done, and all is well.
pub const WELL: u8 = 0;
/// Done, but not all is well: the output says what.
pub const NOT_ALL_WELL: u8 = 1;

impl Failure {
    /// Fix what was typed.
    pub fn input(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new("RK-4001", message.into()).with_hint(hint)
    }

    pub fn no_daemon(socket: &str, cause: &str, hint: &str) -> Failure {
        let message = format!("no daemon answers at {socket}");
        Failure::new("RK-4002", message).with_hint(hint).because(cause)
    }

    /// What came over the wire cannot be read; most likely two versions talk to each other.
    pub fn answer(what: &str, cause: impl std::fmt::Display) -> Failure {
        let hint = "restart the daemon if Rekindle was upgraded a moment ago";
        let message = format!("the daemon's answer to {what} is not understood");
        Failure::new("RK-4003", message).with_hint(hint).because(cause)
    }

    /// A person, or the lack of one, did not let it go on.
    pub fn not_agreed(what: &str, hint: &str) -> Failure {
        Failure::new("RK-4004", format!("{what}: not agreed to")).with_hint(hint)
    }

    /// A file on this side.
    pub fn file(action: &str, path: &std::path::Path, cause: impl std::fmt::Display) -> Failure {
        Failure::new("RK-4005", format!("cannot {action} {}", path.display())).because(cause)
    }

    pub fn cancelled(what: &str) -> Failure {
        Failure::new("RK-4006", format!("{what} was cancelled"))
    }

    pub fn waits(what: &str, id: &str) -> Failure {
        Failure::new("RK-4007", format!("{what} waits for a person")).with_hint(format!("rekindle ops show {id}"))
    }

    /// A defect.
    pub fn internal(what: &str, cause: impl std::fmt::Display) -> Failure {
        Failure::new("RK-4099", what.to_owned()).because(cause)
    }

    pub fn exit_code(&self) -> u8 {
        self.body.exit_code
    }

    fn new(code: &str, message: String) -> Failure {
        let kind = kind_of(CODES, code);
        let (code, exit_code, kind) = (code.to_owned(), kind.exit_code(), kind.name().to_owned());
        Failure {
            body: Box::new(ErrorBody {
                code,
                kind,
                message,
                causes: Vec::new(),
                hint: None,
                exit_code,
                request_id: None,
            }),
        }
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.body.hint = Some(hint.into());
        self
    }

    fn because(mut self, cause: impl std::fmt::Display) -> Failure {
        self.body.causes.push(cause.to_string());
        self
    }
}

impl From<ErrorBody> for Failure {
    fn from(body: ErrorBody) -> Failure {
        Failure { body: Box::new(body) }
    }
}

impl From<control::Error> for Failure {
    fn from(error: control::Error) -> Failure {
        error.body().into()
    }
}

#[cfg(test)]
mod tests;
