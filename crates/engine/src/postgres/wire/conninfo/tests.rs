//! Connection strings: what is understood, and what is refused by name.

use super::*;

fn defaults() -> Defaults {
    Defaults { user: "me".into(), socket_dir: "/var/run/postgresql".into(), ..Defaults::default() }
}

fn parse(text: &str) -> Conninfo {
    Conninfo::parse(text, &defaults()).unwrap()
}

fn refusal(text: &str) -> String {
    Conninfo::parse(text, &defaults()).unwrap_err().to_string()
}

#[test]
fn a_full_url_is_taken_apart() {
    let info = parse(
        "postgres://us%40er:p%3Aw@db.example:6432/app?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=7",
    );
    assert_eq!(info.host, Host::Tcp { name: "db.example".into(), addr: None });
    assert_eq!((info.port, info.user.as_str(), info.dbname.as_deref()), (6432, "us@er", Some("app")));
    assert_eq!(info.password.as_ref().unwrap().as_str(), "p:w");
    assert_eq!((info.sslmode, info.connect_timeout), (SslMode::VerifyFull, Some(Duration::from_secs(7))));
    assert_eq!(info.sslrootcert.as_deref(), Some("/etc/ca.pem".as_ref()));
}

#[test]
fn sockets_and_addresses() {
    assert_eq!(parse("postgres://").host, Host::Unix("/var/run/postgresql".into()));
    assert_eq!(parse("postgresql:///db?host=/run/pg&port=5433").host, Host::Unix("/run/pg".into()));
    assert_eq!(parse("postgresql://%2Frun%2Fpg/db").host, Host::Unix("/run/pg".into()));
    let six = parse("postgres://[::1]:5433/db");
    assert_eq!((six.host.clone(), six.port), (Host::Tcp { name: "::1".into(), addr: None }, 5433));
    assert_eq!(six.target(), "[::1]:5433");
    let both = parse("host=db hostaddr=10.0.0.1");
    assert_eq!(both.host, Host::Tcp { name: "db".into(), addr: Some("10.0.0.1".parse().unwrap()) });
}

#[test]
fn keyword_strings_with_quotes_and_escapes() {
    let info = parse(r"host = db user='o\'brien' password='a \\ b' dbname=app options='-c work_mem=1MB'");
    assert_eq!((info.user.as_str(), info.database()), ("o'brien", "app"));
    assert_eq!(info.password.as_ref().unwrap().as_str(), r"a \ b");
    assert_eq!(info.options.as_deref(), Some("-c work_mem=1MB"));
    assert_eq!(parse("").database(), "me");
}

#[test]
fn no_form_shows_the_password() {
    for text in
        ["postgres://u:geheim@h/d?sslmode=require", "host=h user=u password=geheim", "postgres:///d?password=geheim"]
    {
        let info = parse(text);
        assert!(!format!("{info} {info:?} {}", info.target()).contains("geheim"));
        assert!(info.original().contains("geheim"));
    }
}

#[test]
fn the_redacted_url_names_the_same_server() {
    for text in [
        "postgres://u@h:1/d?sslmode=require",
        "host=/run/pg user='a b'",
        "postgres://[::1]/d",
        "host=db hostaddr=10.0.0.1",
    ] {
        let info = parse(text);
        let again = parse(&info.to_redacted_url());
        assert_eq!((again.host, again.port, again.user, again.dbname), (info.host, info.port, info.user, info.dbname));
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, part) in [
        ("postgres://h/d?sslmod=require", "\"sslmod\" is not known"),
        ("postgres://h/d?sslmode=yes", "sslmode=yes"),
        ("postgres://h:0/d", "port \"0\""),
        ("postgres://h1,h2/d", "several hosts"),
        ("host=a,b", "several hosts"),
        ("postgres://[::1/d", "closing ]"),
        ("postgres://h/%zz", "hexadecimal"),
        ("postgres://h/%00", "%00"),
        ("host", "no ="),
        ("user='x", "closing quote"),
        ("hostaddr=h", "not an IP address"),
        ("host=h sslmode=verify-ca", "needs sslrootcert"),
        ("host=h sslcert=c", "together"),
    ] {
        assert!(refusal(text).contains(part), "{text}: {}", refusal(text));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,60}") {
        let _ = Conninfo::parse(&text, &defaults());
        let _ = Conninfo::parse(&format!("postgres://{text}"), &defaults());
    }
}
