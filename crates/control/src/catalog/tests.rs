//! What the catalog keeps across a restart, and what it refuses.

use super::*;

async fn new() -> (Catalog, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Catalog::open(&folder.path().join("catalog.db")).await.unwrap(), folder)
}

fn source(name: &str) -> SourceRow {
    let text = |text: &str| text.to_owned();
    SourceRow {
        name: text(name),
        url: text("postgres:///shop"),
        slot: text("rekindle_shop"),
        system_identifier: u64::MAX.to_string(),
        data_directory: text("/d"),
        created: text("2026-11-21T00:00:00Z"),
    }
}

#[tokio::test]
async fn sources_are_kept_across_a_restart_and_taken_once() {
    let (catalog, folder) = new().await;
    catalog.add_source(&source("shop")).await.unwrap();
    assert_eq!(catalog.add_source(&source("shop")).await.unwrap_err().code(), "RK-3011");
    catalog.close().await;
    let again = Catalog::open(&folder.path().join("catalog.db")).await.unwrap();
    assert_eq!(again.sources().await.unwrap(), [source("shop")]);
    assert!(again.remove_source("shop").await.unwrap());
    assert!(!again.remove_source("shop").await.unwrap());
}

#[tokio::test]
async fn what_ran_when_the_daemon_ended_has_failed() {
    let (catalog, _folder) = new().await;
    let mut row = OperationRow {
        id: "a".into(),
        kind: "backup".into(),
        source: None,
        status: "running".into(),
        step: "files".into(),
        started: "2026-11-21T00:00:00Z".into(),
        ended: None,
        error: None,
        result: None,
    };
    catalog.begin_operation(&row).await.unwrap();
    row.id = "b".into();
    catalog.begin_operation(&row).await.unwrap();
    row.status = "succeeded".into();
    catalog.end_operation(&row).await.unwrap();
    assert_eq!(catalog.fail_unfinished(Timestamp::UNIX_EPOCH, "{}").await.unwrap(), 1);
    assert_eq!(catalog.operation("a").await.unwrap().unwrap().status, "failed");
    assert_eq!(catalog.operation("b").await.unwrap().unwrap().status, "succeeded");
    assert_eq!(catalog.operations().await.unwrap().len(), 2);
}
