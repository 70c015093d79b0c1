//! Each look at a real thing, and many looks in a time that passes at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::conformance::{World, holds};
use super::*;
use crate::driver::web::tests::{Script, Site};

fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Host::system("postgres".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn spec(text: &str) -> HealthSpec {
    toml::from_str(text).unwrap()
}

impl World for Site {
    fn make_ill(&mut self) {
        self.script().answer = (503, "{\"status\": \"starting\"}".to_owned());
    }
}

#[tokio::test]
async fn an_address() {
    let mut site = Site::start(Script { answer: (200, "{\"status\": \"fine\"}".into()), ..Script::default() }).await;
    let text = format!(
        "driver = 'http'\nurl = '{}/health?planted'\ncontains = '\"fine\"'\nheaders = {{ authorization = 'Bearer env:TOKEN' }}",
        site.url()
    );
    let host = host(&[("TOKEN", "planted-token")]);
    let trouble = holds(&spec(&text), &host, &mut site).await;
    assert_eq!(trouble.what, format!("GET {} answered 503, 200 expected: {{\"status\": \"starting\"}}", site.url()));
    assert!(site.script().requests.iter().all(|request| request.contains("authorization: Bearer planted-token")));
    site.script().answer = (200, "half\n  way".into());
    let trouble = spec(&text).driver().look(&host).await.unwrap_err();
    assert_eq!(trouble.what, format!("GET {} answered without \"\\\"fine\\\"\": half way", site.url()));
}

impl World for Option<std::net::TcpListener> {
    fn make_ill(&mut self) {
        self.take();
    }
}

#[tokio::test]
async fn a_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!("driver = 'tcp'\nhost = '127.0.0.1'\nport = {port}");
    let trouble = holds(&spec(&text), &host(&[]), &mut Some(listener)).await;
    let expected = format!("port 127.0.0.1:{port} takes no connection: Connection refused (os error 111)");
    assert_eq!(trouble.what, expected);
}

impl World for testkit::postgres::Server {
    fn make_ill(&mut self) {
        self.sql("postgres", "update state set ready = false");
    }
}

#[tokio::test]
async fn a_statement() {
    let mut server = testkit::postgres::Server::builder().start();
    server.sql("postgres", "create table state (ready bool); insert into state values (true)");
    let (port, host) = (server.port(), host(&[("DB", &server.url("postgres"))]));
    let text = "driver = 'sql'\nconnection = 'env:DB'\nstatement = 'select ready from state'\nexpect = 't'";
    let trouble = holds(&spec(text), &host, &mut server).await;
    assert_eq!(trouble.what, format!("127.0.0.1:{port} answered \"f\", \"t\" expected"));
    for (statement, expected) in [
        ("select 1 where false", format!("127.0.0.1:{port} answered with no row")),
        ("delete from state returning 1", "cannot execute DELETE in a read-only transaction".to_owned()),
    ] {
        let text = format!("driver = 'sql'\nconnection = 'env:DB'\nstatement = '{statement}'");
        let trouble = spec(&text).driver().look(&host).await.unwrap_err();
        assert!(trouble.what.contains(&expected), "{trouble:?}");
    }
    server.stop(testkit::postgres::StopMode::Fast);
    let trouble = spec(text).driver().look(&host).await.unwrap_err();
    assert!(trouble.passes && trouble.what.starts_with("cannot connect to 127.0.0.1:"), "{trouble:?}");
}

impl World for tempfile::NamedTempFile {
    fn make_ill(&mut self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}

#[tokio::test]
async fn a_program() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let script = format!("test -e {} || {{ echo $WORD is gone >&2; exit 4; }}", file.path().display());
    let text = format!("driver = 'command'\ncommand = ['sh', '-c', '{script}']\nenv = {{ WORD = 'env:WORD' }}");
    let trouble = holds(&spec(&text), &host(&[("WORD", "planted")]), &mut file).await;
    assert_eq!(trouble.what, "sh ended with exit status: 4: … is gone");
}

#[test]
fn what_makes_no_sense_is_said() {
    let cases = [
        ("driver = 'tcp'\nhost = ' '\nport = 1", "host is no name and no address"),
        ("driver = 'tcp'\nhost = 'a'\nport = 0", "port 0 is none"),
        ("driver = 'tcp'\nhost = 'a'\nport = 1\ntimeout_seconds = 0", "timeout_seconds must be 1 or more"),
        ("driver = 'http'\nurl = 'ftp://a'", "the address must begin with https:// or http://"),
        ("driver = 'http'\nurl = 'a'", "the address is no URL"),
        ("driver = 'http'\nurl = 'http://a'\nstatus = 99", "99 is no status of HTTP"),
        ("driver = 'http'\nurl = 'http://a'\nca_file = 'b'", "ca_file b is no absolute path"),
        (
            "driver = 'http'\nurl = 'http://a'\nheaders = { a = 'env:B' }",
            "http sends the secret in clear: use https, or say allow_http = true",
        ),
        ("driver = 'command'\ncommand = []", "there is no program to run"),
        ("driver = 'sql'\nconnection = 'postgres://a@b/c'\nstatement = ''", "the statement is empty"),
    ];
    for (text, expected) in cases {
        assert_eq!(spec(text).wrong().as_deref(), Some(expected), "{text}");
    }
}

/// Answers what was planned, then that it is well; `hangs` answers nothing.
#[derive(Debug, Default)]
struct Planned {
    answers: Mutex<Vec<Result<(), &'static str>>>,
    looks: AtomicUsize,
    hangs: bool,
}

#[async_trait]
impl Driver for Planned {
    fn what(&self) -> String {
        "the thing".to_owned()
    }

    async fn probe(&self, _host: &Host) -> Vec<Trouble> {
        Vec::new()
    }
}

#[async_trait]
impl Health for Planned {
    async fn look(&self, _host: &Host) -> Outcome<()> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Ok(()));
        answer.map_err(|why| Trouble::away(why).hint("look at it"))
    }
}

async fn waited(planned: &Planned, in_a_row: u32) -> (Outcome<()>, u64, Vec<String>) {
    let (said, begun) = (Mutex::new(Vec::new()), Instant::now());
    let say = |line: &str| said.lock().unwrap().push(line.to_owned());
    let (every, within) = (Duration::from_secs(2), Duration::from_secs(30));
    let outcome = until_well(planned, &host(&[]), in_a_row, every, within, &say).await;
    (outcome, begun.elapsed().as_secs(), said.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn so_many_times_in_a_row() {
    let mut answers = [Err("starting"), Err("starting"), Ok(()), Err("again"), Ok(()), Ok(()), Ok(())];
    answers.reverse();
    let planned = Planned { answers: answers.to_vec().into(), ..Planned::default() };
    let (outcome, seconds, said) = waited(&planned, 3).await;
    assert_eq!((outcome, seconds, planned.looks.into_inner()), (Ok(()), 12, 7));
    let expected = [
        "not well yet: starting",
        "well, 1 of 3",
        "not well yet: again",
        "well, 1 of 3",
        "well, 2 of 3",
        "well, 3 of 3",
    ];
    assert_eq!(said, expected.map(|line| format!("the thing: {line}")));
}

#[tokio::test(start_paused = true)]
async fn the_time_ends_with_the_last_reason() {
    let planned = Planned { answers: vec![Err("no disk"); 100].into(), ..Planned::default() };
    let (outcome, seconds, _) = waited(&planned, 3).await;
    let what = "the thing was not well 3 times in a row within 30 s: no disk";
    assert_eq!(outcome, Err(Trouble::away(what).hint("look at it")));
    assert!((28..=30).contains(&seconds), "{seconds}");
    let planned = Planned { answers: [Ok(()), Err("late"), Ok(())].repeat(5).into(), ..Planned::default() };
    let what = waited(&planned, 9).await.0.unwrap_err().what;
    assert!(what.contains("within 30 s: "), "{what}");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_is_not_waited_for() {
    let planned = Planned { hangs: true, ..Planned::default() };
    let (outcome, seconds, said) = waited(&planned, 1).await;
    let what = "the thing was not well 1 times in a row within 30 s: it did not answer";
    assert_eq!((outcome, seconds), (Err(Trouble::away(what)), 30));
    assert_eq!(said, Vec::<String>::new());
}
