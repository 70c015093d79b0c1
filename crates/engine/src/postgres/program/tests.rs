//! Ends: by itself, by the limit, by nobody waiting; and never as root.

use super::*;

fn shell(script: &str, limit: Option<Duration>) -> Program {
    Program {
        path: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("GIVEN".into(), "yes".into())],
        run_as: owner::we_are_root().then(|| owner::by_name("nobody").expect("there is a user nobody")),
        limit,
        output_bytes_max: 10,
    }
}

#[tokio::test]
async fn the_end_of_the_output_is_kept() {
    let ran = shell("echo 0123456789abc; echo $GIVEN$HOME >&2; exit 3", None).run(&Progress::default()).await.unwrap();
    assert_eq!(ran.status.unwrap().code(), Some(3));
    assert_eq!((ran.stdout.text(), ran.stdout.is_cut), ("456789abc".into(), true));
    assert_eq!((ran.stderr.text(), ran.stderr.is_cut), ("yes".into(), false));
}

#[tokio::test]
async fn what_it_leaves_behind_does_not_keep_us_waiting() {
    let ran = shell("sleep 1000 & echo done", None).run(&Progress::default()).await.unwrap();
    assert!(ran.succeeded());
    assert_eq!(ran.stdout.text(), "done");
}

#[tokio::test]
async fn it_is_killed_at_its_limit_with_its_children() {
    let program = shell("sleep 1000 & sleep 1000", Some(Duration::from_millis(50)));
    assert!(program.run(&Progress::default()).await.unwrap().status.is_none());
}

#[tokio::test]
async fn a_cancelled_operation_ends_it() {
    let progress = Progress::default();
    progress.cancel();
    assert_eq!(shell("sleep 1000", None).run(&progress).await.unwrap_err().code(), "RK-1040");
}

#[test]
fn nothing_runs_as_root() {
    let root = Program { run_as: Some(User { uid: 0, gid: 0 }), ..shell("true", None) };
    assert_eq!(root.refuse_root(false).unwrap_err().code(), "RK-2091");
    let unsaid = Program { run_as: None, ..shell("true", None) };
    assert!(unsaid.refuse_root(true).is_err() && unsaid.refuse_root(false).is_ok());
}
