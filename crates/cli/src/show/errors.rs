//! The error block: what is wrong, why, what to do about it, and the stable code.

use api::ErrorBody;

pub fn block(error: &ErrorBody) -> String {
    let mut text = format!("error: {}\n", error.message);
    for cause in error.causes.iter().filter(|cause| !error.message.contains(cause.as_str())) {
        text.push_str(&indented("because: ", cause));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&indented("", hint));
    }
    text.push_str(&format!("code {} · exit {}\n", error.code, error.exit_code));
    text
}

fn indented(first: &str, text: &str) -> String {
    let mut lines = text.lines();
    let head = format!("  {first}{}\n", lines.next().unwrap_or_default());
    lines.fold(head, |all, line| all + "  " + line + "\n")
}
