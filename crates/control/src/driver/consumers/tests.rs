//! Sessions of a real server, and looks that are put together in any order.

use engine::postgres::wire::{Connection, Conninfo, Defaults, Mode};
use proptest::prelude::*;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Host::system("postgres".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn consumer(address: Option<&str>, application: &str, user: &str) -> Consumer {
    let address = address.map(str::to_owned);
    Consumer { address, application: application.into(), user: user.into(), database: "shop".into() }
}

async fn session(server: &testkit::postgres::Server, url: &str, application: &str) -> Connection {
    let defaults = Defaults { application_name: Some(application.into()), ..Defaults::default() };
    let info =
        Conninfo::parse(&url.replace("127.0.0.1:0", &format!("127.0.0.1:{}", server.port())), &defaults).unwrap();
    Connection::connect(&info, Mode::Sql).await.unwrap()
}

#[tokio::test]
async fn sessions_become_an_inventory() {
    let server = testkit::postgres::Server::builder().start();
    server.sql("postgres", "create database shop; create role web login; create role looker login");
    let web = server.url("shop").replace("postgres@", "web@");
    let one = session(&server, &web, "checkout").await;
    let two = session(&server, &web, "checkout").await;
    let local = session(&server, &server.socket_url("shop"), "").await;
    let ours = session(&server, &web, "rekindle_shop").await;
    let all =
        host(&[("DB", &server.url("postgres")), ("LOOKER", &server.url("postgres").replace("postgres@", "looker@"))]);
    let look = super::look("env:DB", &all, LIMIT).await.unwrap();
    let expected = [(consumer(None, "", "postgres"), 1), (consumer(Some("127.0.0.1"), "checkout", "web"), 2)];
    assert_eq!(look.sessions, expected.into());
    let mut sightings = Sightings::default();
    let first = look.at;
    sightings.add(look);
    for gone in [one, local] {
        gone.close().await;
    }
    let left = || server.sql("postgres", "select count(*) from pg_stat_activity where datname = 'shop'") == "2";
    assert!(testkit::postgres::wait_until(LIMIT, left));
    let again = super::look("env:DB", &all, LIMIT).await.unwrap();
    let last = again.at;
    sightings.add(again);
    let web = &sightings.of[&consumer(Some("127.0.0.1"), "checkout", "web")];
    assert_eq!(*web, Sighting { first_seen: first, last_seen: last, looks: 2, sessions_max: 2 });
    assert_eq!(sightings.since(last).count(), 1);
    assert_eq!(sightings.since(first).count(), 2);
    let trouble = super::look("env:LOOKER", &all, LIMIT).await.unwrap_err();
    assert_eq!(trouble.what, format!("127.0.0.1:{} does not show the sessions of others", server.port()));
    server.sql("postgres", "grant pg_read_all_stats to looker");
    assert!(super::look("env:LOOKER", &all, LIMIT).await.is_ok());
    two.close().await;
    ours.close().await;
}

fn looks() -> impl Strategy<Value = Vec<(i64, Vec<(u8, u64)>)>> {
    prop::collection::vec((0..100_i64, prop::collection::vec((0..4_u8, 1..9_u64), 0..4)), 0..8)
}

proptest! {
    #[test]
    fn looks_can_be_put_together_in_any_order(looks in looks(), part in 0..8_usize) {
        let looks: Vec<Look> = looks.into_iter().map(|(second, sessions)| {
            let of = |(n, count): (u8, u64)| (consumer(None, &n.to_string(), "web"), count);
            Look { at: Timestamp::from_second(second).unwrap(), sessions: sessions.into_iter().map(of).collect() }
        }).collect();
        let all = |looks: &[Look]| {
            let mut sightings = Sightings::default();
            looks.iter().for_each(|look| sightings.add(look.clone()));
            sightings
        };
        let (before, after) = looks.split_at(part.min(looks.len()));
        let (mut one, mut other) = (all(after), all(before));
        one.merge(all(before));
        other.merge(all(after));
        prop_assert_eq!(&one, &all(&looks));
        prop_assert_eq!(one, other);
    }
}
