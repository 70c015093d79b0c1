//! Why a command ended: always the wire's one error shape, whoever found it out. The command line's own codes are RK-4xxx.

use api::ErrorBody;

/// The command line's own codes: code, kind, exit code, meaning. They end the list of `docs/errors.md`.
const CODES: [(&str, &str, u8, &str); 7] = [
    ("RK-4001", "input", 2, "what was typed cannot be used"),
    ("RK-4002", "unavailable", 5, "no daemon answers"),
    ("RK-4003", "internal", 70, "the daemon's answer is not understood: two versions talk to each other"),
    ("RK-4004", "refused", 4, "nobody agreed to go on"),
    ("RK-4005", "input", 2, "a file on this side cannot be used"),
    ("RK-4006", "refused", 4, "it was cancelled"),
    ("RK-4099", "internal", 70, "a defect of Rekindle"),
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

    /// A defect.
    pub fn internal(what: &str, cause: impl std::fmt::Display) -> Failure {
        Failure::new("RK-4099", what.to_owned()).because(cause)
    }

    pub fn exit_code(&self) -> u8 {
        self.body.exit_code
    }

    fn new(code: &str, message: String) -> Failure {
        let row = CODES.iter().find(|row| row.0 == code).unwrap_or(&CODES[CODES.len() - 1]);
        let (code, kind, exit_code) = (row.0.to_owned(), row.1.to_owned(), row.2);
        Failure { body: Box::new(ErrorBody { code, kind, message, causes: Vec::new(), hint: None, exit_code }) }
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
