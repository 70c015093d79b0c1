//! The log in a real catalog with its copy in a real vault: each way to tamper with it is found.

use super::*;
use crate::house::House;

async fn with_records(count: u32) -> House {
    let house = House::new().await;
    add_records(&house, count).await;
    mirror::look(&house.daemon, &mut false).await.unwrap();
    house
}

async fn add_records(house: &House, count: u32) {
    for at in 0..count {
        let said = Said { who: format!("person {at}"), outcome: "done".into(), ..Said::default() };
        add(&house.daemon, said).await.unwrap();
    }
}

/// As somebody with the right to write to the catalog.
async fn tamper(house: &House, sql: &'static str) {
    let url = format!("sqlite:{}", house.folder.path().join("data/catalog.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    assert!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected() > 0, "{sql}");
    pool.close().await;
}

async fn broken(house: &House) -> Option<u64> {
    verify(&house.daemon).await.unwrap().broken.map(|broken| broken.n)
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_whole() {
    let house = with_records(5).await;
    add_records(&house, 2).await;
    let verdict = verify(&house.daemon).await.unwrap();
    assert!(verdict.whole && verdict.records == 7 && verdict.mirrored == 5, "{verdict:?}");
    mirror::look(&house.daemon, &mut false).await.unwrap();
    let verdict = verify(&house.daemon).await.unwrap();
    assert!(verdict.whole && verdict.mirrored == 7, "{verdict:?}");
    let listed = list(&house.daemon, None, 3).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.n).collect::<Vec<_>>(), [7, 6, 5]);
    assert_eq!(listed[0].hash, verdict.head);
}

#[tokio::test]
async fn a_changed_record_is_found() {
    let house = with_records(5).await;
    tamper(&house, "UPDATE audit SET record = replace(record, 'person 2', 'person 9') WHERE n = 3").await;
    assert_eq!(broken(&house).await, Some(3));
}

#[tokio::test]
async fn a_removed_record_is_found() {
    let house = with_records(5).await;
    tamper(&house, "DELETE FROM audit WHERE n = 2").await;
    assert_eq!(broken(&house).await, Some(2));
}

#[tokio::test]
async fn an_inserted_record_is_found() {
    let house = with_records(5).await;
    tamper(&house, "UPDATE audit SET n = n + 100 WHERE n > 2").await;
    tamper(&house, "UPDATE audit SET n = n - 99 WHERE n > 100").await;
    tamper(&house, "INSERT INTO audit SELECT 3, record, hash FROM audit WHERE n = 2").await;
    assert_eq!(broken(&house).await, Some(3));
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_found_by_its_copy() {
    let house = with_records(5).await;
    tamper(&house, "DELETE FROM audit WHERE n > 3").await;
    assert_eq!(broken(&house).await, Some(4));
    tamper(&house, "DELETE FROM audit").await;
    assert_eq!(broken(&house).await, Some(1));
}

/// Somebody makes the whole chain anew, so that it follows itself: only the copy tells.
#[tokio::test]
async fn a_chain_that_was_made_anew_is_found_by_its_copy() {
    let house = with_records(3).await;
    let rows = house.daemon.catalog.audit_from(1, 10).await.unwrap();
    tamper(&house, "DELETE FROM audit").await;
    let mut last: Option<AuditRow> = None;
    for row in &rows {
        let entry = Entry::read(row).unwrap();
        let said = Said { who: "somebody else".into(), ..entry.said() };
        let forged = match &last {
            None => Entry::first(entry.chain().unwrap(), said, entry.at),
            Some(before) => Entry::after(&Entry::read(before).unwrap(), &before.hash, said, entry.at),
        };
        let forged = forged.row().unwrap();
        assert!(house.daemon.catalog.add_audit(&forged).await.unwrap());
        last = Some(forged);
    }
    assert_eq!(broken(&house).await, Some(1));
}

#[tokio::test]
async fn records_of_many_at_once_hang_together() {
    let house = House::new().await;
    let adding = (0..20).map(|_| add(&house.daemon, Said::default()));
    for added in futures::future::join_all(adding).await {
        added.unwrap();
    }
    assert_eq!(verify(&house.daemon).await.unwrap().records, 20);
    assert_eq!(broken(&house).await, None);
}

#[tokio::test]
async fn a_catalog_that_is_older_than_its_copy_gets_back_what_it_lacks() {
    let house = with_records(5).await;
    tamper(&house, "DELETE FROM audit WHERE n > 3").await;
    assert_eq!(catch_up(&house.daemon).await.unwrap(), 2);
    let newest = &list(&house.daemon, None, 1).await.unwrap()[0];
    assert!(newest.n == 6 && newest.outcome.starts_with("2 records were missing"), "{newest:?}");
    assert_eq!(broken(&house).await, None);
    assert_eq!(catch_up(&house.daemon).await.unwrap(), 0);
    // A whole log comes back as well.
    mirror::look(&house.daemon, &mut false).await.unwrap();
    tamper(&house, "DELETE FROM audit").await;
    assert_eq!(catch_up(&house.daemon).await.unwrap(), 6);
    assert_eq!(broken(&house).await, None);
    // What does not follow is not taken in: it stays broken for all to see.
    tamper(&house, "DELETE FROM audit WHERE n > 3").await;
    tamper(&house, "UPDATE audit SET hash = 'another' WHERE n = 3").await;
    assert_eq!(catch_up(&house.daemon).await.unwrap(), 0);
    assert_eq!(broken(&house).await, Some(3));
}

#[tokio::test]
async fn a_log_that_was_begun_anew_does_not_hide_the_one_before() {
    let house = with_records(2).await;
    tamper(&house, "DELETE FROM audit").await;
    add_records(&house, 1).await;
    let verdict = verify(&house.daemon).await.unwrap();
    assert!(verdict.whole && verdict.other_logs == 1, "{verdict:?}");
}
