//! Programs of drivers, run for real.

use tokio::time::Instant;

use super::*;
use crate::host::Host;

fn host() -> Host {
    let variables = BTreeMap::from([("PLANTED".to_owned(), "planted-word".to_owned())]);
    Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn words(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

async fn run(script: &str, limit: Duration) -> Outcome<Ran> {
    let variables = BTreeMap::from([("WORD".to_owned(), "env:PLANTED".to_owned())]);
    Program { words: &words(script), variables, input: Some("told\n") }.run(&host(), limit).await
}

#[tokio::test]
async fn both_streams_are_kept_and_secrets_are_not() {
    let ran = run("read -r line; echo got $line; echo with $WORD >&2; exit 3", Duration::from_secs(10)).await.unwrap();
    assert_eq!(ran.status.code(), Some(3));
    assert!(ran.output.contains("got told") && ran.output.contains("with …"), "{}", ran.output);
    let long = run("seq 1 100000", Duration::from_secs(10)).await.unwrap();
    assert!(long.output.len() <= KEPT && long.tail().ends_with("100000"));
}

#[tokio::test]
async fn who_takes_too_long_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let (mark, begun) = (folder.path().join("mark"), Instant::now());
    let script = format!("(sleep 2; touch {}) & wait", mark.display());
    let trouble = run(&script, Duration::from_millis(300)).await.unwrap_err();
    assert!(trouble.passes && trouble.what.contains("longer than"), "{trouble:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!mark.exists(), "a child lived on");
}

#[tokio::test]
async fn who_leaves_something_running_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (mark, begun) = (folder.path().join("mark"), Instant::now());
    let script = format!("(sleep 2; touch {}) & echo started", mark.display());
    let ran = run(&script, Duration::from_secs(10)).await.unwrap();
    assert!(ran.status.success() && ran.output == "started\n", "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(mark.exists(), "what was started was ended");
}

#[tokio::test]
async fn what_cannot_be_run_is_said() {
    let words = ["/nowhere/at-all".to_owned()];
    let program = Program { words: &words, ..Program::default() };
    let trouble = program.run(&host(), Duration::from_secs(1)).await.unwrap_err();
    assert!(!trouble.passes && trouble.what.starts_with("/nowhere/at-all cannot be run"), "{trouble:?}");
}
