//! What is copied, and what is forgotten once it is.

use ops::{Event, Filter, on};

use super::*;
use crate::catalog::tests::Epoch;
use crate::house::House;

async fn cancelled(house: &House, id: &str, days_ago: i64) {
    let created = house.daemon.host.env.now();
    house.add_run(id, "shop", created).await;
    house.daemon.runs.ask(id, &Event::CancelAsked { by: "ada".into(), why: String::new() }).await.unwrap();
    let ended = (created - SignedDuration::from_hours(24 * days_ago)).as_microsecond();
    on!(house.daemon.runs.db(), pool => sqlx::query("UPDATE run SET ended = $1 WHERE id = $2")
        .bind(ended).bind(id).execute(pool).await.map(drop).unwrap());
}

async fn ids(runs: &SqlStore) -> Vec<String> {
    let mut ids: Vec<String> = runs
        .list(&Filter { limit: 10, ..Filter::default() })
        .await
        .unwrap()
        .into_iter()
        .map(|run| run.head.id)
        .collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_ended_long_ago_is_in_the_vault_only() {
    let house = House::new().await;
    cancelled(&house, "a", 91).await;
    cancelled(&house, "b", 89).await;
    copy(&house.daemon).await.unwrap();
    assert_eq!(ids(&house.daemon.runs).await, ["b"]);
    let again = house.folder.path().join("again.db");
    let (_, _, runs) = read_into(&house.daemon.vault, &again, Arc::new(Epoch)).await.unwrap().unwrap();
    assert_eq!(ids(&runs).await, ["a", "b"]);
}
