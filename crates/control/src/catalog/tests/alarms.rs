//! Alarms and messages are kept alike in both databases.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::*;
use super::Epoch;
use crate::alarms::condition::{Condition, Kind, Scope, Severity};
use crate::alarms::core::{Alarm, Change, after};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn condition(kind: Kind, source: &str) -> Condition {
    let (text, advice) = ("it is so".to_owned(), "do it".to_owned());
    Condition { kind, scope: Scope::source(source), severity: Severity::Warning, since: Some(at(0)), text, advice }
}

fn tell(alarm: &Alarm) -> Vec<Notice> {
    ["hook", "mail"].map(|channel| Notice { channel: channel.into(), message: format!("alarm {}", alarm.n) }).into()
}

async fn record(catalog: &Catalog, change: &Change, raised: &[Alarm], now: Timestamp) -> Result<Alarm> {
    let (alarm, event) = after(change, raised, now);
    let writes = vec![AlarmWrite { alarm: alarm.unwrap(), event, notices: tell }];
    Ok(catalog.record_alarms(writes, now).await?.remove(0))
}

fn raise(kind: Kind, source: &str) -> Change {
    Change::Raise { condition: condition(kind, source), since: at(0) }
}

async fn all_is_kept(catalog: &Catalog) {
    let first = record(catalog, &raise(Kind::LogGap, "shop"), &[], at(1)).await.unwrap();
    assert_eq!(catalog.raised_alarms().await.unwrap(), std::slice::from_ref(&first));
    let twice = record(catalog, &raise(Kind::LogGap, "shop"), &[], at(2)).await;
    assert_eq!(twice.unwrap_err().code(), "RK-3020", "of one kind and scope one is raised");
    assert_eq!(catalog.notices(first.n).await.unwrap().len(), 2, "what was refused owes no message");
    let other = record(catalog, &raise(Kind::LogLag, "crm"), &[], at(3)).await.unwrap();
    let worse = Condition { severity: Severity::Critical, since: None, ..condition(Kind::LogGap, "shop") };
    let raised = catalog.raised_alarms().await.unwrap();
    let worse = record(catalog, &Change::Worsen { n: first.n, condition: worse }, &raised, at(4)).await.unwrap();
    assert_eq!((worse.times_told, worse.told, worse.condition.severity), (2, at(4), Severity::Critical));
    let raised = catalog.raised_alarms().await.unwrap();
    record(catalog, &Change::Clear { n: first.n }, &raised, at(5)).await.unwrap();
    assert_eq!(catalog.raised_alarms().await.unwrap(), std::slice::from_ref(&other));
    let list = async |filter: AlarmFilter| -> Vec<i64> {
        let found = catalog.alarms(&AlarmFilter { limit: 10, ..filter }).await.unwrap();
        found.iter().map(|alarm| alarm.n).collect()
    };
    let none = AlarmFilter::default;
    assert_eq!(list(none()).await, [other.n, first.n], "what was true is not forgotten");
    assert_eq!(list(AlarmFilter { since: Some(at(5)), ..none() }).await, [other.n, first.n]);
    assert_eq!(list(AlarmFilter { since: Some(at(6)), ..none() }).await, [other.n]);
    assert_eq!(list(AlarmFilter { before: Some(other.n), ..none() }).await, [first.n]);
    assert_eq!(list(AlarmFilter { kind: Some("log-gap".into()), ..none() }).await, [first.n]);
    assert_eq!(list(AlarmFilter { scope: Some("source crm".into()), ..none() }).await, [other.n]);
    assert_eq!(list(AlarmFilter { severity: Some("critical".into()), ..none() }).await, [first.n]);
    assert_eq!(catalog.alarm(first.n).await.unwrap().unwrap().cleared, Some(at(5)));
    messages(catalog, first.n).await;
    starts_and_measures(catalog).await;
}

async fn messages(catalog: &Catalog, first: i64) {
    assert_eq!(catalog.waiting_channels().await.unwrap().len(), 2);
    let next = catalog.next_notice("hook").await.unwrap().unwrap();
    assert_eq!((next.alarm, next.event.as_str(), next.tries), (Some(first), "raised", 0));
    catalog.tried(next.n, WAITING, Some("away"), at(6)).await.unwrap();
    let again = catalog.next_notice("hook").await.unwrap().unwrap();
    assert_eq!((again.n, again.tries, again.error.as_deref()), (next.n, 1, Some("away")), "they keep their order");
    catalog.tried(next.n, DELIVERED, None, at(7)).await.unwrap();
    assert_ne!(catalog.next_notice("hook").await.unwrap().unwrap().n, next.n);
    assert_eq!(catalog.last_tried("hook").await.unwrap().unwrap().error, None);
    catalog.give_up_channel("mail").await.unwrap();
    assert_eq!(catalog.next_notice("mail").await.unwrap(), None);
    let test = Notice { channel: "mail".into(), message: "test".into() };
    catalog.add_test(&test, Some("refused"), at(8)).await.unwrap();
    assert_eq!(catalog.last_tried("mail").await.unwrap().unwrap().error.as_deref(), Some("refused"));
}

async fn starts_and_measures(catalog: &Catalog) {
    for second in [10, 20, 30] {
        catalog.add_start(at(second), at(15)).await.unwrap();
        catalog
            .add_measure("vault free", at(second), u64::MAX, at(second) - SignedDuration::from_secs(15))
            .await
            .unwrap();
    }
    assert_eq!(catalog.starts_since(at(0)).await.unwrap(), [at(20), at(30)]);
    assert_eq!(catalog.starts_since(at(30)).await.unwrap(), [at(30)]);
    let most = u64::try_from(i64::MAX).unwrap();
    assert_eq!(catalog.measures("vault free").await.unwrap(), [(at(20), most), (at(30), most)]);
    catalog.answers().await.unwrap();
}

#[tokio::test]
async fn in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::sqlite(&folder.path().join("catalog.db"), Arc::new(Epoch)).await.unwrap();
    all_is_kept(&Catalog::open(db).await.unwrap()).await;
}

#[tokio::test]
async fn in_postgresql() {
    let server = testkit::postgres::Server::builder().start();
    let db = Db::postgres(&server.url("postgres")).await.unwrap();
    all_is_kept(&Catalog::open(db).await.unwrap()).await;
}
