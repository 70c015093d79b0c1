//! Every object of a vault can be shown.

use std::fmt::Write;

use futures::TryStreamExt;
use vault::backup::catalog::{self, Proof};
use vault::dump::dump;
use vault::expire::{KeepRules, apply, plan};
use vault::format::sealed::Kind;
use vault::log::write::{LogWriter, put_history};
use vault::names::Name;

use crate::support::{fake_env, new_vault_with, receive, shop, store};
use crate::tree::{MemoryTree, pages};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_can_be_shown() {
    let (env, clock) = fake_env();
    let (vault, _folder) = new_vault_with(env).await;
    let tree = MemoryTree::default();
    tree.set("base/1/16384", pages(60, 2));
    let (first, _) = store(&vault, &tree, None, (0, 10)).await;
    clock.advance(jiff::SignedDuration::from_hours(1));
    tree.change("base/1/16384", 5, 9);
    let (second, _) = store(&vault, &tree, Some(first), (0, 10)).await;
    receive(&vault, 5000, 3000, 4096).await;
    put_history(&vault, &shop(), 2, b"1\t0/3000000\tno recovery target specified\n").await.unwrap();
    let writer = LogWriter::resume(&vault, &shop(), 1, None, 4096).await.unwrap();
    writer.mark(vault.env().now()).await.unwrap();
    let rules = KeepRules::default();
    let expiry = plan(&vault, &shop(), &rules, vault.env().now()).await.unwrap();
    apply(&vault, &expiry, std::sync::Arc::default()).await.unwrap();
    catalog::pin(&vault, &shop(), &second, "release").await.unwrap();
    let proof = Proof { at: vault.env().now(), passed: true, evidence: serde_json::json!({"opened": true}) };
    catalog::prove(&vault, &shop(), &second, &proof).await.unwrap();
    vault.put_json(Kind::Report, &Name::Report(shop(), "op-1".into()), &serde_json::json!({"ok": true})).await.unwrap();

    let names: Vec<_> = vault.store().list("").try_collect().await.unwrap();
    let mut all = String::new();
    for object in names {
        writeln!(all, "{}", dump(&vault, &object.name).await.unwrap()).unwrap();
    }
    for shown in [
        "rekindle_vault",
        "key-file slot",
        "full map: 60 pages of 8192 bytes, 12 of zeroes",
        "overlay over pack",
        "base/1/16384 700 0:0 491520 bytes",
        "\"log_from\": 0",
        "no recovery target specified",
        "\"why\": \"release\"",
        "\"opened\": true",
        ".folded:",
        "mark-",
        "expired-",
        "tail: pack",
        "reports/shop/op-1",
    ] {
        assert!(all.contains(shown), "{shown:?} is not in\n{all}");
    }
    assert_eq!(dump(&vault, "notes.txt").await.unwrap_err().code(), "RK-1001");
}
