//! Values in statements cannot become statements, also asked of a real server.

use super::*;

pub(crate) fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Host::system("postgres".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn told(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("stack".to_owned(), value.to_owned())])
}

#[test]
fn a_placeholder_inside_of_quotes_is_refused() {
    let refused = [
        "select '{stack}'",
        "select E'\\'{stack}'",
        "select 'it''s {stack}'",
        "select \"{stack}\"",
        "select $$ {stack} $$",
        "select $a$ $b$ {stack} $a$",
        "select 1 -- {stack}",
        "select 1 /* /* */ {stack} */",
        "select '{stack}",
        "select U&'{stack}'",
    ];
    for text in refused {
        let wrong = wrong_statement(text, &["stack"]);
        assert_eq!(wrong.as_deref(), Some("{stack} stands inside of quotes or a comment"), "{text}");
    }
    let fine = [
        "select {stack}",
        "select 'a' || {stack} || 'b'",
        "select E'\\'' || {stack}",
        "select '\\' || {stack}",
        "select $a$ ' $a$ || {stack}",
        "select /* ' */ {stack} -- '",
        "select a$b || {stack}",
        "select 'ü' || {stack} || '{{stack}}'",
        "select 'it''s' || {stack}",
    ];
    for text in fine {
        assert_eq!(wrong_statement(text, &["stack"]), None, "{text}");
    }
    assert_eq!(wrong_statement("select {other}", &["stack"]).unwrap(), "{other} is nothing that is told here");
    assert_eq!(wrong_statement("  ", &[]).unwrap(), "the statement is empty");
}

#[test]
fn a_connection_in_clear_holds_no_password() {
    for (text, expected) in [
        ("postgres://a@h/db", None),
        ("env:DB", None),
        ("host=h user=a", None),
        ("postgres://a:planted@h/db", Some("the connection string holds a password")),
        ("host=h password=planted", Some("the connection string holds a password")),
        ("postgres://a@h/db?nonsense=1", Some("is not known")),
    ] {
        let wrong = wrong_connection(text);
        assert_eq!(wrong.is_some(), expected.is_some(), "{text}: {wrong:?}");
        let wrong = wrong.unwrap_or_default();
        assert!(wrong.contains(expected.unwrap_or_default()) && !wrong.contains("planted"), "{wrong}");
    }
}

#[tokio::test]
async fn what_a_server_reads_is_what_was_filled_in() {
    let server = testkit::postgres::Server::builder().start();
    let host = host(&[("DB", &server.url("postgres")), ("BROKEN", "postgres://a:b@h/db?planted")]);
    let mut database = Database::open("env:DB", &host, Duration::from_secs(10)).await.unwrap();
    for value in ["shop", "it's", "a\\'; drop table t; --", "\\", "$$", "{stack}", "ü\n", "", "' || pg_sleep(9) || '"]
    {
        for text in ["select {stack}", "select '' || {stack} || $$$$", "select E'' || {stack}"] {
            let sql = fill(text, &told(value)).unwrap();
            let rows = database.rows(&sql).await.unwrap();
            assert_eq!(rows.rows, [[Some(value.to_owned())]], "{sql}");
        }
    }
    assert!(fill("select {stack}", &told("a\0b")).is_err());
    let trouble = Database::open("env:BROKEN", &host, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(trouble.what, "what env:BROKEN leads to is no connection string");
    database.close().await;
}

#[tokio::test]
async fn nobody_waits_longer_than_asked() {
    let server = testkit::postgres::Server::builder().start();
    let (host, url) = (host(&[]), server.url("postgres"));
    let mut database = Database::open(&url, &host, Duration::from_secs(1)).await.unwrap();
    let trouble = database.query("select pg_sleep(20)").await.unwrap_err();
    assert_eq!(trouble, Trouble::away(format!("127.0.0.1:{} did not answer within 1 s", server.port())));
    let running = "select count(*) from pg_stat_activity where query like '%pg_sleep(20)' and state = 'active'";
    let ended = || server.sql("postgres", running) == "0";
    assert!(testkit::postgres::wait_until(Duration::from_secs(5), ended), "the statement goes on");
}
