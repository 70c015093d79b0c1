//! Several daemons on one PostgreSQL catalog: one leads, and who does not can write nothing.

use std::time::Duration;

use ops::{Candidate, Db, SqlStore, on};
use testkit::postgres::Server;

const TTL: Duration = Duration::from_millis(700);
/// What the catalog says to who does not lead any more.
const DEPOSED: &str = "RK001";
const ADD: &str =
    "INSERT INTO run (id, kind, head, state, status, created) VALUES ($1, 'build', '{}', '{}', 'planned', 1)";

async fn candidate(server: &Server, name: &str) -> Candidate {
    Candidate::new(server.url("postgres").parse().unwrap(), name, TTL).await.unwrap()
}

async fn add(db: &Db, id: &str) -> sqlx::Result<()> {
    on!(db, pool => sqlx::query(ADD).bind(id).execute(pool).await.map(drop))
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_next_follows_when_its_lease_has_run_out() {
    let server = tokio::task::block_in_place(|| Server::builder().start());
    let who = async || ops::leader::who(server.url("postgres").parse().unwrap(), TTL).await.unwrap();
    assert_eq!(who().await, None, "and nothing is made by looking");
    assert_eq!(tokio::task::block_in_place(|| server.sql("postgres", "SELECT to_regclass('leader') IS NULL")), "t");
    let (ada, ben) = tokio::join!(candidate(&server, "ada"), candidate(&server, "ben"));
    assert_eq!(who().await, None);
    let first = ada.stand().await.unwrap().expect("nobody leads");
    assert!(ben.stand().await.unwrap().is_none());
    assert_eq!(ben.who().await.unwrap(), "ada");
    assert_eq!(who().await.as_deref(), Some("ada"));
    let db = first.db().await.unwrap();
    SqlStore::open(db.clone()).await.unwrap();
    first.fence().await.unwrap();
    first.fence().await.unwrap();
    add(&db, "one").await.unwrap();
    assert!(first.renew().await.unwrap());
    assert!(ben.stand().await.unwrap().is_none(), "it was renewed a moment ago");

    let second = loop {
        match ben.stand().await.unwrap() {
            Some(leader) => break leader,
            None => tokio::time::sleep(TTL / 10).await,
        }
    };
    assert!(!first.renew().await.unwrap());
    assert_eq!(code(&add(&db, "two").await.unwrap_err()), DEPOSED);
    let without = Db::postgres(&server.url("postgres")).await.unwrap();
    assert_eq!(code(&add(&without, "three").await.unwrap_err()), DEPOSED);
    first.leave().await.unwrap();
    assert!(ada.stand().await.unwrap().is_none(), "only who leads can leave");
    add(&second.db().await.unwrap(), "four").await.unwrap();
    second.leave().await.unwrap();
    assert!(ada.stand().await.unwrap().is_some(), "at once");
}

/// What was half written when the lease ran out is whole before the next one begins.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_waits_for_what_is_being_committed() {
    let server = tokio::task::block_in_place(|| Server::builder().start());
    let (ada, ben) = (candidate(&server, "ada").await, candidate(&server, "ben").await);
    let first = ada.stand().await.unwrap().unwrap();
    let db = first.db().await.unwrap();
    SqlStore::open(db.clone()).await.unwrap();
    first.fence().await.unwrap();
    let Db::Postgres(pool) = &db else { unreachable!() };
    let mut writing = pool.begin().await.unwrap();
    sqlx::query(ADD).bind("one").execute(&mut *writing).await.unwrap();
    tokio::time::sleep(TTL).await;
    let standing = tokio::spawn(async move { ben.stand().await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while tokio::task::block_in_place(|| server.sql("postgres", waits)) == "0" {
        assert!(!standing.is_finished(), "it did not wait");
    }
    writing.commit().await.unwrap();
    let second = standing.await.unwrap().unwrap().expect("the lease had run out");
    add(&second.db().await.unwrap(), "two").await.unwrap();
    assert_eq!(code(&add(&db, "three").await.unwrap_err()), DEPOSED);
}
