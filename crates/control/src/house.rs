//! For tests: a daemon in a folder of its own, with a real vault and catalog, that nobody serves.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use ops::{Head, Plan, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::config::{Config, S3Ask};
use crate::daemon::Daemon;
use crate::host::Host;
use crate::init::{InitAsk, init};
use crate::standby;

pub(crate) struct House {
    pub(crate) daemon: Daemon,
    pub(crate) folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let host = Host::system("tester".into(), at("home"), at("rekindle"), BTreeMap::new());
        let ask = InitAsk {
            config: at("rekindle.toml"),
            vault: format!("file:{}", at("vault").display()),
            key_file: at("key"),
            data_folder: at("data"),
            socket: at("socket"),
            s3: S3Ask::default(),
            replace_config: false,
        };
        init(&ask, &host).await.unwrap();
        let config = Config::load(&at("rekindle.toml")).unwrap();
        let seat = standby::take(&config, &host, &mut std::future::pending()).await.unwrap().unwrap();
        let daemon = Daemon::start(config, host, seat).await.unwrap();
        House { daemon, folder }
    }

    /// Puts an operation of no steps into the catalog.
    pub(crate) async fn add_run(&self, id: &str, source: &str, created: Timestamp) {
        let head = Head {
            id: id.to_owned(),
            kind: "backup".to_owned(),
            subject: Some(source.to_owned()),
            lane: None,
            place: None,
            asked_by: "test".to_owned(),
            why: String::new(),
            plan: Plan { input: Value::Null, steps: Vec::new(), approvals: 0, waived: false },
            created,
        };
        self.daemon.runs.add(&head, None).await.unwrap();
    }
}
