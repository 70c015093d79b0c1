//! Sessions of a real server.

use engine::postgres::wire::{Connection, Conninfo, Defaults, Mode};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn info(url: &str) -> Conninfo {
    Conninfo::parse(url, &Defaults::default()).unwrap()
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
async fn a_look_counts_the_sessions_of_others_and_says_when_it_may_not_see_them() {
    let server = testkit::postgres::Server::builder().start();
    server.sql("postgres", "create database shop; create role web login; create role looker login");
    let web = server.url("shop").replace("postgres@", "web@");
    let one = session(&server, &web, "checkout").await;
    let two = session(&server, &web, "checkout").await;
    let local = session(&server, &server.socket_url("shop"), "").await;
    let ours = session(&server, &web, "rekindle_shop").await;
    let (all, now) = (info(&server.url("postgres")), Timestamp::UNIX_EPOCH);
    let look = super::look(&all, now, LIMIT).await.unwrap();
    let expected = [(consumer(None, "", "postgres"), 1), (consumer(Some("127.0.0.1"), "checkout", "web"), 2)];
    assert_eq!((look.sessions, look.at), (expected.into(), now));
    for gone in [one, local] {
        gone.close().await;
    }
    let left = || server.sql("postgres", "select count(*) from pg_stat_activity where datname = 'shop'") == "2";
    assert!(testkit::postgres::wait_until(LIMIT, left));
    let again = super::look(&all, now, LIMIT).await.unwrap();
    let of_shop: Vec<_> = again.sessions.into_iter().filter(|(consumer, _)| consumer.database == "shop").collect();
    assert_eq!(of_shop, [(consumer(Some("127.0.0.1"), "checkout", "web"), 1)]);
    let looker = info(&server.url("postgres").replace("postgres@", "looker@"));
    let trouble = super::look(&looker, now, LIMIT).await.unwrap_err();
    assert_eq!(trouble.what, format!("127.0.0.1:{} does not show the sessions of others", server.port()));
    server.sql("postgres", "grant pg_read_all_stats to looker");
    assert!(super::look(&looker, now, LIMIT).await.is_ok());
    two.close().await;
    ours.close().await;
}
