//! Each endpoint with a real thing behind it, and the exact words of what goes wrong.

use std::path::PathBuf;

use super::conformance::{World, holds};
use super::*;
use crate::driver::web::tests::{Script, Site};

fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Host::system("postgres".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn spec(text: &str) -> EndpointSpec {
    toml::from_str(text).unwrap()
}

/// A file, which is removed or emptied.
struct OneFile {
    folder: tempfile::TempDir,
    empty: bool,
}

impl OneFile {
    fn new(text: &str, empty: bool) -> OneFile {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("it"), text).unwrap();
        OneFile { folder, empty }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("it")
    }
}

impl World for OneFile {
    fn seen(&self) -> String {
        let names = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        format!("{:?} {}", names.collect::<Vec<_>>(), std::fs::read_to_string(self.path()).unwrap_or_default())
    }

    fn remove(&self) {
        match self.empty {
            true => std::fs::write(self.path(), "{}").unwrap(),
            false => std::fs::remove_file(self.path()).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_file_of_each_format() {
    let texts = [
        ("env", "DB_HOST", "# for the shop\nDB_HOST=db1 # old\nOTHER=1\n"),
        ("ini", "db.host", "[db]\nhost = db1 ; old\n[other]\nhost = x\n"),
        ("json", "db.hosts.0", "{\n\t\"db\": {\"hosts\": [\"db1\", \"x\"]}\n}"),
        ("yaml", "db.hosts.0", "db:\n  hosts: # all\n  - db1 # old\n  - x\n"),
        ("toml", "db.host", "# for the shop\n[db]\nhost = 'db1' # old\n"),
    ];
    for (format, key, text) in texts {
        for empty in [true, false] {
            let file = OneFile::new(text, empty);
            let text =
                format!("driver = 'file'\npath = '{}'\nformat = '{format}'\nkey = '{key}'", file.path().display());
            holds(&spec(&text), &host(&[]), &file, ["db1", "db2.example", "db3"]).await;
        }
    }
}

#[tokio::test]
async fn programs() {
    let file = OneFile::new("db1\n", false);
    let path = file.path().display().to_string();
    let text = format!(
        "driver = 'command'\ncurrent = ['cat', '{path}']\npoint = ['sh', '-c', 'test \"$(cat \"$1\")\" = \"$2\" && echo \"$3\" > \"$1\"', 'sh', '{path}', '{{from}}', '{{to}}']"
    );
    holds(&spec(&text), &host(&[]), &file, ["db1", "db2 $(id) 'x'", "db3"]).await;
    for (script, expected) in [
        ("true", "sh said nothing"),
        ("echo a; echo b", "sh said several lines"),
        ("echo no >&2; exit 3", "sh ended with exit status: 3: no"),
    ] {
        let text = format!("driver = 'command'\ncurrent = ['sh', '-c', '{script}']\npoint = ['true', '{{to}}']");
        assert_eq!(spec(&text).driver().current(&host(&[])).await.unwrap_err().what, expected);
    }
    let text = "driver = 'command'\ncurrent = ['echo', 'a']\npoint = ['true', '{to}']\ntimeout_seconds = 1";
    let trouble = spec(text).driver().point(&host(&[]), "a", "b").await.unwrap_err();
    assert_eq!(trouble, Trouble::away("program true still says \"a\", 1 s after it was set to \"b\""));
}

impl World for Site {
    fn seen(&self) -> String {
        self.script().value.clone().unwrap_or_default()
    }

    fn remove(&self) {
        let mut script = self.script();
        (script.value, script.answer) = (None, (404, "no such thing".to_owned()));
    }
}

fn site_text(site: &Site) -> String {
    let url = format!("{}/api/db", site.url());
    format!(
        "driver = 'http'\npointer = '/a/0/host'\ntimeout_seconds = 5\n[current]\nurl = '{url}'\n[point]\nmethod = 'PUT'\nurl = '{url}'\nbody = '{{\"host\": \"{{to}}\"}}'\nheaders = {{ authorization = 'Bearer env:TOKEN' }}"
    )
}

#[tokio::test]
async fn requests() {
    for tagged in [false, true] {
        let site = Site::start(Script { value: Some("db1".into()), tagged, ..Script::default() }).await;
        let host = host(&[("TOKEN", "planted-token")]);
        holds(&spec(&site_text(&site)), &host, &site, ["db1", "db\"2\"", "db3"]).await;
        let asked = site.script().requests.clone();
        let changes = asked.iter().filter(|request| request.starts_with("PUT"));
        assert_eq!(changes.clone().count(), 2, "each value was set once");
        assert!(changes.clone().all(|request| request.contains("if-match") == tagged), "{asked:?}");
    }
}

#[tokio::test]
async fn a_change_is_waited_for_until_it_is_seen() {
    let site = Site::start(Script { value: Some("db1".into()), late: 2, ..Script::default() }).await;
    let (host, endpoint) = (host(&[("TOKEN", "t")]), spec(&site_text(&site)));
    assert_eq!(endpoint.driver().point(&host, "db1", "db2").await, Ok(()));
    assert_eq!(endpoint.driver().current(&host).await.as_deref(), Ok("db2"));
    site.script().late = 100;
    let trouble = endpoint.driver().point(&host, "db2", "db3").await.unwrap_err();
    let what = format!("{} still says \"db2\", 5 s after it was set to \"db3\"", site.url());
    assert_eq!(trouble, Trouble::away(what));
    site.script().value = None;
    site.script().answer = (200, "{\"a\": [{\"host\": true}]}".into());
    let trouble = endpoint.driver().current(&host).await.unwrap_err();
    let expected = format!(
        "GET {} answered neither a text nor a number at /a/0/host: {{\"a\": [{{\"host\": true}}]}}",
        site.url()
    );
    assert_eq!(trouble.what, expected);
    site.script().answer.1 = "<html>".into();
    let trouble = endpoint.driver().current(&host).await.unwrap_err();
    assert_eq!(trouble.what, format!("GET {} answered no JSON: <html>", site.url()));
}

impl World for testkit::postgres::Server {
    fn seen(&self) -> String {
        self.sql("tools", "select * from inv.\"Databases\" order by 1, 2")
    }

    fn remove(&self) {
        self.sql("tools", "delete from inv.\"Databases\" where name = 'it''s'");
    }
}

fn inventory() -> testkit::postgres::Server {
    let server = testkit::postgres::Server::builder().start();
    server.sql("postgres", "create database tools");
    server.sql(
        "tools",
        "create schema inv; create table inv.\"Databases\" (name text, region text, host text, port int, address inet);
         insert into inv.\"Databases\" values ('it''s', 'eu', 'db1', 5432, '10.0.0.1'), ('it''s', 'us', 'db1', 5432, '10.0.0.1'), ('x', 'eu', 'db1', 1, null)",
    );
    server
}

#[tokio::test]
async fn a_row() {
    for (column, values) in [
        ("host", ["db1", "d'b\\2", "db3"]),
        ("port", ["5432", "5433", "5434"]),
        ("address", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
    ] {
        let server = inventory();
        let text = format!(
            "driver = 'sql'\nconnection = 'env:DB'\ntable = 'inv.\"Databases\"'\ncolumn = '{column}'\nwhere = {{ name = \"it's\", region = 'eu' }}"
        );
        holds(&spec(&text), &host(&[("DB", &server.url("tools"))]), &server, values).await;
    }
}

#[tokio::test]
async fn a_row_that_is_not_one() {
    let server = inventory();
    server.sql(
        "tools",
        "create role reader login; grant usage on schema inv to reader; grant select on inv.\"Databases\" to reader",
    );
    let host = host(&[("DB", &server.url("tools")), ("READER", &server.url("tools").replace("postgres@", "reader@"))]);
    let text = |who: &str, column: &str, row: &str| {
        spec(&format!(
            "driver = 'sql'\nconnection = 'env:{who}'\ntable = 'inv.\"Databases\"'\ncolumn = '{column}'\nwhere = {{ {row} }}"
        ))
    };
    let before = World::seen(&server);
    for (row, expected) in [
        ("name = \"it's\"", "inv.\"Databases\".host at env:DB: more than one row has \"name\" = 'it''s'"),
        ("name = 'none'", "inv.\"Databases\".host at env:DB: no row has \"name\" = 'none'"),
    ] {
        let endpoint = text("DB", "host", row);
        assert_eq!(endpoint.driver().point(&host, "db1", "db2").await.unwrap_err().what, expected);
    }
    let endpoint = text("DB", "address", "name = 'x'");
    let trouble = endpoint.driver().current(&host).await.unwrap_err();
    assert_eq!(trouble.what, "inv.\"Databases\".address at env:DB: the value is null where the row has \"name\" = 'x'");
    let endpoint = text("READER", "host", "name = 'x'");
    let trouble = endpoint.driver().probe(&host).await.remove(0);
    assert_eq!(trouble.what, format!("reader may not update host of inv.\"Databases\" at 127.0.0.1:{}", server.port()));
    assert_eq!(trouble.hint.as_deref(), Some("grant update (host) on inv.\"Databases\" to reader"));
    assert_eq!(World::seen(&server), before);
}

#[test]
fn what_makes_no_sense_is_said() {
    let cases = [
        ("driver = 'file'\npath = 'a'\nformat = 'env'\nkey = 'A'", "path a is not absolute"),
        ("driver = 'file'\npath = '/a'\nformat = 'env'\nkey = 'A B'", "key \"A B\" is none of format env"),
        ("driver = 'file'\npath = '/a'\nformat = 'json'\nkey = 'a..b'", "key \"a..b\" is none of format json"),
        ("driver = 'command'\ncurrent = []\npoint = ['a', '{to}']", "current: there is no program to run"),
        ("driver = 'command'\ncurrent = ['a']\npoint = ['a']", "point: no word has {to}"),
        (
            "driver = 'command'\ncurrent = ['a', '{to}']\npoint = ['a', '{to}']",
            "current: {to} is nothing that is told here; {{to}} stands for the braces themselves",
        ),
        (
            "driver = 'http'\npointer = 'a'\ncurrent = { url = 'https://a' }\npoint = { url = 'https://a/{to}' }",
            "pointer \"a\" must begin with /",
        ),
        (
            "driver = 'http'\ncurrent = { url = 'https://a/{to}' }\npoint = { url = 'https://a/{to}' }",
            "current: {to} is nothing that is told here",
        ),
        (
            "driver = 'http'\ncurrent = { url = 'https://a' }\npoint = { url = 'https://a' }",
            "point: neither url nor body has {to}",
        ),
        (
            "driver = 'sql'\nconnection = 'env:A'\ntable = 'a.b.c'\ncolumn = 'd'\nwhere = { e = 'f' }",
            "table \"a.b.c\" is no name",
        ),
        (
            "driver = 'sql'\nconnection = 'env:A'\ntable = 'b'\ncolumn = 'd'\nwhere = { }",
            "where names no column: it must be one row",
        ),
        (
            "driver = 'sql'\nconnection = 'env:A'\ntable = 'b'\ncolumn = 'd'\nwhere = { d = 'f' }",
            "where names \"d\" itself, which changes",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(spec(text).wrong().as_deref(), Some(expected), "{text}");
    }
}
