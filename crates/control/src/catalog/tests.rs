//! What the catalog keeps across a restart, and what it refuses.

use super::*;

#[derive(Debug)]
pub(super) struct Epoch;

impl ops::Clock for Epoch {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

async fn open(folder: &tempfile::TempDir) -> Catalog {
    Catalog::open(Db::sqlite(&folder.path().join("catalog.db"), std::sync::Arc::new(Epoch)).await.unwrap())
        .await
        .unwrap()
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
        host: None,
        port: None,
    }
}

#[tokio::test]
async fn sources_are_kept_across_a_restart_and_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(&folder).await;
    catalog.add_source(&source("shop")).await.unwrap();
    assert_eq!(catalog.add_source(&source("shop")).await.unwrap_err().code(), "RK-3011");
    catalog.close().await;
    let again = open(&folder).await;
    assert_eq!(again.sources().await.unwrap(), [source("shop")]);
    assert!(again.remove_source("shop").await.unwrap());
    assert!(!again.remove_source("shop").await.unwrap());
}

mod alarms;
