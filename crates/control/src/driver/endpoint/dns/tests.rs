//! A real BIND with TSIG, and a second one that answers for it only later.

use testkit::bind::{Bind, KEY, OTHER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::driver::endpoint::EndpointSpec;
use crate::driver::endpoint::conformance::{World, holds};

const ZONE: &str =
    "db A 10.0.0.1\ndb6 AAAA fd00::1\nalias CNAME db1.example.\nmany A 10.0.0.1\nmany A 10.0.0.2\nfixed A 10.0.0.1\n";
/// One name may not be changed.
const POLICY: &str = "deny planted-key name fixed.example.test. ANY;";

fn bind() -> Bind {
    Bind::start("example.test", ZONE, POLICY)
}

fn settings(bind: &Bind, record: &str, name: &str) -> String {
    format!(
        "driver = 'dns'\nserver = '127.0.0.1:{}'\nzone = 'example.test'\ndomain = '{name}'\nrecord = '{record}'\nttl = 5\n\
         key_name = 'planted-key'\nkey = 'env:KEY'\ntimeout_seconds = 3\n",
        bind.port()
    )
}

/// One record of it.
struct OneRecord<'a> {
    bind: &'a Bind,
    name: &'a str,
}

impl World for OneRecord<'_> {
    fn seen(&self) -> String {
        ["A", "AAAA", "CNAME"].map(|kind| self.bind.dig(&[self.name, kind])).join("\n")
    }

    fn remove(&self) {
        self.bind.nsupdate(&format!("update delete {}.", self.name));
    }
}

fn host() -> Host {
    let variables = [("KEY", KEY), ("OTHER", OTHER), ("BROKEN", "planted!")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn spec(text: &str) -> EndpointSpec {
    toml::from_str(text).unwrap()
}

#[tokio::test]
async fn records_of_each_kind() {
    let bind = bind();
    for (record, name, values) in [
        ("A", "db.example.test", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("AAAA", "db6.example.test", ["fd00::1", "fd00::2", "fd00::3"]),
        ("CNAME", "alias.example.test", ["db1.example", "db2.example", "db3.example"]),
    ] {
        holds(&spec(&settings(&bind, record, name)), &host(), &OneRecord { bind: &bind, name }, values).await;
    }
}

#[tokio::test]
async fn looking_does_not_touch_the_zone_and_a_change_takes_the_ttl() {
    let bind = bind();
    let endpoint = spec(&settings(&bind, "A", "db.example.test"));
    let before = bind.dig(&["example.test", "SOA"]);
    assert_eq!(endpoint.driver().probe(&host()).await, []);
    assert_eq!(bind.dig(&["example.test", "SOA"]), before);
    endpoint.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap();
    let after = bind.dig(&["example.test", "SOA"]);
    assert_ne!(after, before);
    endpoint.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap();
    assert_eq!(bind.dig(&["example.test", "SOA"]), after, "what stands there already was written again");
    assert!(bind.dig(&["+noshort", "+noall", "+answer", "+ttlid", "db.example.test", "A"]).contains("5\tIN\tA"));
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let bind = bind();
    let server = format!("127.0.0.1:{}", bind.port());
    let text = |record: &str, name: &str| settings(&bind, record, name);
    let db = text("A", "db.example.test");
    let cases = [
        (
            db.replace("planted-key", "weak").replace("env:KEY", "env:OTHER"),
            format!("{server} refuses to change db.example.test: Refused"),
        ),
        (db.replace("env:KEY", "env:OTHER"), format!("{server} refuses to change db.example.test: NotAuth")),
        (db.replace("planted-key", "unknown"), format!("{server} refuses to change db.example.test: NotAuth")),
        (db.replace("env:KEY", "env:BROKEN"), "the key of env:BROKEN is not base64".to_owned()),
        (db.replace("env:KEY", "env:NONE"), "the secret env:NONE cannot be read: it is not set".to_owned()),
        (text("A", "many.example.test"), format!("{server} has several records A of many.example.test")),
        (text("A", "alias.example.test"), format!("{server} has no A of alias.example.test")),
        (
            db.replace("example.test", "elsewhere.test"),
            format!("{server} does not tell A of db.elsewhere.test: Refused"),
        ),
        (
            db.replace(&server, "127.0.0.1:1"),
            "127.0.0.1:1 does not answer: Connection refused (os error 111)".to_owned(),
        ),
    ];
    for (text, expected) in cases {
        let found = spec(&text).driver().probe(&host()).await;
        assert_eq!(found.iter().map(|trouble| trouble.what.clone()).collect::<Vec<_>>(), [expected], "{text}");
        assert!(!format!("{found:?}").contains(KEY));
    }
    let fixed = spec(&text("A", "fixed.example.test"));
    let trouble = fixed.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap_err();
    assert_eq!(trouble.what, format!("{server} refuses to change fixed.example.test: Refused"));
    assert_eq!(fixed.driver().probe(&host()).await, [trouble], "it was known before");
    let trouble = spec(&db).driver().point(&host(), "10.0.0.1", "db2").await.unwrap_err();
    assert_eq!(trouble.what, "\"db2\" is nothing that a record of type A can hold");
}

#[tokio::test]
async fn a_change_counts_when_all_have_seen_it() {
    let (first, second) = (bind(), bind());
    let text = format!(
        "{}seen_by = ['127.0.0.1:{}', '127.0.0.1:{}']",
        settings(&first, "A", "db.example.test"),
        first.port(),
        second.port()
    );
    let endpoint = spec(&text);
    let trouble = endpoint.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap_err();
    let what =
        format!("127.0.0.1:{} still says \"10.0.0.1\", 3 s after \"10.0.0.1\" became \"10.0.0.2\"", second.port());
    assert_eq!((trouble.what, trouble.passes), (what, true));
    let follow = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        second.nsupdate("update delete db.example.test. A\nupdate add db.example.test. 5 A 10.0.0.2");
        second
    });
    endpoint.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap();
    drop(follow.join().unwrap());
    let trouble = endpoint.driver().probe(&host()).await.remove(0);
    assert!(trouble.passes && trouble.what.contains("does not answer"), "{trouble:?}");
}

/// Says yes to everything, and signs nothing.
async fn a_liar() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let mut message = Message::from_vec(&question).unwrap();
            message.signature = None;
            message.metadata.message_type = hickory_proto::op::MessageType::Response;
            message.metadata.authoritative = true;
            if let Some(asked) = message.queries.first().filter(|asked| asked.query_type() == RecordType::A) {
                let address = RData::A(A("10.0.0.1".parse().unwrap()));
                message.answers = vec![ResourceRecord::from_rdata(asked.name().clone(), 5, address)];
            }
            let answer = message.to_vec().unwrap();
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, answer.as_slice()].concat()).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn a_yes_that_is_not_signed_is_not_believed() {
    let port = a_liar().await;
    let text = format!(
        "driver = 'dns'\nserver = '127.0.0.1:{port}'\nzone = 'example.test'\ndomain = 'db.example.test'\nrecord = 'A'\n\
         key_name = 'planted-key'\nkey = 'env:KEY'"
    );
    let endpoint = spec(&text);
    assert_eq!(endpoint.driver().current(&host()).await.as_deref(), Ok("10.0.0.1"));
    let trouble = endpoint.driver().point(&host(), "10.0.0.1", "10.0.0.2").await.unwrap_err();
    let what = format!("the answer of 127.0.0.1:{port} is not signed as it must be: ");
    assert!(!trouble.passes && trouble.what.starts_with(&what), "{trouble:?}");
    assert_eq!(endpoint.driver().probe(&host()).await, [trouble]);
}

#[test]
fn what_makes_no_sense_is_said() {
    let fine = "driver = 'dns'\nserver = 'ns1.example'\nzone = 'example.test'\ndomain = 'db.example.test'\nrecord = 'A'\nkey_name = 'k'\nkey = 'env:K'";
    assert_eq!(spec(fine).wrong(), None);
    for (from, to, expected) in [
        ("db.example.test", "db.other", "domain db.other is not in zone example.test"),
        ("'k'", "''", "zone, domain and key_name must be names of DNS"),
        ("ns1.example", "a b", "server \"a b\" is no name or address, with or without a port"),
        ("ns1.example", "ns1:0", "server \"ns1:0\" is no name or address, with or without a port"),
    ] {
        assert_eq!(spec(&fine.replace(from, to)).wrong().as_deref(), Some(expected));
    }
    for text in ["10.0.0.53", "10.0.0.53:5353", "::1", "[::1]:53", "ns1.example:5353"] {
        assert!(Server::parse(text).is_some(), "{text}");
    }
    assert!(toml::from_str::<EndpointSpec>(&fine.replace("env:K", "planted")).is_err());
}
