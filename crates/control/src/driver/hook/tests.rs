//! Each hook with a real thing behind it, and the exact words of what goes wrong.

use std::time::Duration;

use tokio::time::Instant;

use super::conformance::{World, holds, told};
use super::*;
use crate::driver::web::tests::{Script, Site};

fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Host::system("postgres".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn spec(text: &str) -> HookSpec {
    toml::from_str(text).unwrap()
}

impl World for tempfile::TempDir {
    fn seen(&self) -> String {
        std::fs::read_to_string(self.path().join("it")).unwrap_or_default()
    }
}

#[tokio::test]
async fn a_program() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo \"$1 $REKINDLE_STACK $REKINDLE_PHASE $WORD\" > \"$2\"; echo done with $WORD; echo and >&2";
    let text = format!(
        "driver = 'command'\ncommand = ['sh', '-c', '''{script}''', 'sh', '{{moment}}; echo {{stack}}', '{}']\nenv = {{ WORD = 'env:WORD' }}",
        folder.path().join("it").display()
    );
    let mut said = holds(&spec(&text), &host(&[("WORD", "planted")]), &folder).await;
    said.sort();
    assert_eq!(said, ["and", "done with …"]);
    assert_eq!(folder.seen(), "2026-11-21T13:00:00Z; echo shop's shop's announce planted\n");
}

#[tokio::test]
async fn a_program_that_fails_says_why() {
    let (host, quiet) = (host(&[]), |_: &str| {});
    for (script, seconds, expected) in [
        ("echo one >&2; echo two >&2; exit 7", 9, "sh ended with exit status: 7: one\ntwo"),
        ("exit 1", 9, "sh ended with exit status: 1: it said nothing"),
        ("sleep 9", 1, "sh took longer than 1 s, and was ended"),
    ] {
        let text = format!("driver = 'command'\ncommand = ['sh', '-c', '{script}']\ntimeout_seconds = {seconds}");
        let trouble = spec(&text).driver().run(&host, &told(), &quiet).await.unwrap_err();
        assert_eq!(trouble.what, expected);
    }
    let gone = spec("driver = 'command'\ncommand = ['/no/such']");
    assert_eq!(gone.driver().probe(&host).await[0].what, "there is no program /no/such");
    assert!(gone.driver().run(&host, &told(), &quiet).await.unwrap_err().what.starts_with("/no/such cannot be run"));
}

#[tokio::test]
async fn lines_are_told_when_they_are_said() {
    let (begun, lines) = (Instant::now(), std::sync::Mutex::new(Vec::new()));
    let say = |line: &str| lines.lock().unwrap().push((line.to_owned(), begun.elapsed()));
    let hook = spec("driver = 'command'\ncommand = ['sh', '-c', 'echo first; sleep 1; printf last']");
    hook.driver().run(&host(&[]), &told(), &say).await.unwrap();
    let lines = lines.into_inner().unwrap();
    assert_eq!(lines.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(), ["first", "last"]);
    assert!(lines[0].1 < Duration::from_millis(900) && lines[1].1 >= Duration::from_secs(1), "{lines:?}");
}

impl World for Site {
    /// Who goes by the key of a request does it once.
    fn seen(&self) -> String {
        let keys = self.script().requests.clone();
        let key = |request: &str| request.lines().find(|line| line.starts_with("idempotency-key")).map(str::to_owned);
        keys.iter().filter_map(|request| key(request)).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

#[tokio::test]
async fn a_request() {
    let site = Site::start(Script { answer: (202, "planted".into()), ..Script::default() }).await;
    let text = format!(
        "driver = 'http'\nurl = '{}/notify?s={{stack}}'\nbody = '{{\"moment\": \"{{moment}}\"}}'\nstatuses = [202]\nheaders = {{ x-key = 'env:KEY' }}",
        site.url()
    );
    let said = holds(&spec(&text), &host(&[("KEY", "planted-key")]), &site).await;
    assert_eq!(said, [format!("POST {} answered 202", site.url())]);
    let asked = site.script().requests[0].clone();
    assert!(
        asked.starts_with("POST /notify?s=shop%27s\n") && asked.contains("idempotency-key: op1-announce"),
        "{asked}"
    );
    assert!(asked.ends_with("{\"moment\": \"2026-11-21T13:00:00Z\"}"), "{asked}");
    site.script().answer = (500, "out of order".into());
    let trouble = spec(&text).driver().run(&host(&[("KEY", "k")]), &told(), &|_| {}).await.unwrap_err();
    assert_eq!(trouble.what, format!("POST {} answered 500, 202 expected: out of order", site.url()));
    let gone = spec("driver = 'http'\nurl = 'http://127.0.0.1:1/planted'").driver().probe(&host(&[])).await;
    assert_eq!(gone[0].what, "http://127.0.0.1:1 cannot be reached: Connection refused (os error 111)");
}

impl World for testkit::postgres::Server {
    fn seen(&self) -> String {
        self.sql("postgres", "select * from notes order by 1")
    }
}

#[tokio::test]
async fn statements() {
    let server = testkit::postgres::Server::builder().start();
    server.sql("postgres", "create table notes (stack text primary key, moment timestamptz)");
    let host = host(&[("DB", &server.url("postgres"))]);
    let text = "driver = 'sql'\nconnection = 'env:DB'\nstatement = '''insert into notes values ({stack}, {moment}) on conflict do nothing;
        do $$ begin raise notice 'noted'; end $$; select stack from notes'''";
    let said = holds(&spec(text), &host, &server).await;
    assert_eq!(said, ["NOTICE: noted", "INSERT 0 1", "DO", "SELECT 1", "shop's"]);
    let before = World::seen(&server);
    let text = "driver = 'sql'\nconnection = 'env:DB'\nstatement = 'delete from notes; select 1 / 0'";
    let trouble = spec(text).driver().run(&host, &told(), &|_| {}).await.unwrap_err();
    let expected = format!("127.0.0.1:{}: the server says: division by zero (SQLSTATE 22012)", server.port());
    assert_eq!((trouble.what, trouble.passes), (expected, false));
    assert_eq!(World::seen(&server), before, "a part was done");
    let gone = spec("driver = 'sql'\nconnection = 'postgres://a@127.0.0.1:1/b'\nstatement = 'select 1'");
    assert_eq!(
        gone.driver().probe(&host).await[0].what,
        "cannot connect to 127.0.0.1:1: Connection refused (os error 111)"
    );
}

#[test]
fn what_makes_no_sense_is_said() {
    let cases = [
        ("driver = 'command'\ncommand = ['']", "there is no program to run"),
        ("driver = 'command'\ncommand = ['a']\ntimeout_seconds = 0", "timeout_seconds must be 1 or more"),
        ("driver = 'http'\nurl = 'https://a'\nstatuses = [1]", "1 is no status of HTTP"),
        ("driver = 'http'\nurl = 'https://a/{from}'", "{from} is nothing that is told here"),
        (
            "driver = 'sql'\nconnection = 'postgres://a@b'\nstatement = 'select {from}'",
            "{from} is nothing that is told here",
        ),
        (
            "driver = 'sql'\nconnection = 'postgres://a@b'\nstatement = \"select '{stack}'\"",
            "{stack} stands inside of quotes or a comment",
        ),
        (
            "driver = 'maintenance-page'\nlisten = '0.0.0.0'",
            "listen \"0.0.0.0\" is no address with a port, such as 0.0.0.0:8080",
        ),
        ("driver = 'maintenance-page'\nlisten = '0.0.0.0:0'", "listen needs a port other than 0"),
        ("driver = 'maintenance-page'\nlisten = '0.0.0.0:80'\npage = 'a'", "page a is no absolute path"),
        ("driver = 'maintenance-page'\nlisten = '0.0.0.0:80'\ntitle = '{to}'", "{to} is nothing that is told here"),
    ];
    for (text, expected) in cases {
        assert_eq!(spec(text).wrong().as_deref(), Some(expected), "{text}");
    }
    assert!(toml::from_str::<HookSpec>("driver = 'sql'\nconnection = 'a'\nstatement = 'b'\nstatment = 'c'").is_err());
}
