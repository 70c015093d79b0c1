//! How an operation that is over ends the command.

use api::{ErrorBody, OperationKind, Progress};

use super::*;

fn over(status: OperationStatus, error: Option<ErrorBody>) -> Operation {
    let started = "2026-11-21T13:00:00Z".parse().unwrap();
    let (id, kind, source) = ("7f3".to_owned(), OperationKind::Backup, Some("shop".to_owned()));
    let (step, progress, result) = (String::new(), Progress::default(), Some(Value::from(1)));
    Operation {
        id,
        kind,
        source,
        status,
        step,
        progress,
        asked_by: "ada".into(),
        why: String::new(),
        back: None,
        steps: vec![],
        retryable: false,
        next_try: None,
        approvals: vec![],
        approvals_needed: 0,
        refused: None,
        waived: false,
        started,
        ended: None,
        way_back: None,
        error,
        result,
    }
}

#[test]
fn the_operations_error_is_the_commands() {
    let (code, kind, message) = ("RK-1020".to_owned(), "damaged".to_owned(), "pack 1 is missing".to_owned());
    let body = ErrorBody { code, kind, message, causes: Vec::new(), hint: None, exit_code: 6, request_id: None };
    let failure = result(over(OperationStatus::Failed, Some(body.clone()))).unwrap_err();
    assert_eq!(*failure.body, body);
    assert_eq!(failure.exit_code(), 6);
}

#[test]
fn success_hands_over_the_result_and_cancelling_does_not() {
    assert_eq!(result(over(OperationStatus::Succeeded, None)).unwrap(), Value::from(1));
    let cancelled = result(over(OperationStatus::Cancelled, None)).unwrap_err();
    assert_eq!((cancelled.body.message.as_str(), cancelled.exit_code()), ("the backup was cancelled", 4));
    assert_eq!(result(over(OperationStatus::Failed, None)).unwrap_err().exit_code(), 70);
}

#[test]
fn only_what_is_tried_again_says_so() {
    assert_eq!(told("no answer", true), "no answer; it is tried again");
    assert_eq!(told("index x is missing", false), "index x is missing");
}
