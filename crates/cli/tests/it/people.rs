//! People: users, tokens and sessions over real TLS, what the socket knows of its peers, approvals, the audit log, and that no secret is
//! found where it must not be.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use testkit::postgres::{Server, wait_until};

use crate::house::{House, PATIENCE, server, text};

const PASSWORD: &str = "correct horse battery";

/// A certificate for `localhost` that signs itself; its file is also what a client trusts.
fn certificate(house: &House) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(house.path("tls.key"), key.serialize_pem()).unwrap();
    fs::write(house.path("tls.crt"), certificate.pem()).unwrap();
}

/// Settings at the end of the configuration.
fn set(house: &House, lines: &str) {
    let path = house.path("rekindle.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{config}\n{lines}\n")).unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// With a daemon that listens in the network, encrypted. Returns its address.
fn listening(house: &mut House) -> String {
    let port = free_port();
    certificate(house);
    let (crt, key) = (house.path("tls.crt"), house.path("tls.key"));
    house.configure("[audit]\nmirror_seconds = 60", "[audit]\nmirror_seconds = 1");
    set(house, &format!("[listen]\naddress = \"127.0.0.1:{port}\"\ncertificate = {crt:?}\nkey = {key:?}"));
    house.start_daemon();
    assert!(wait_until(PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()), "{}", house.log());
    format!("https://localhost:{port}")
}

fn small() -> Server {
    server(15)
}

fn add_user(house: &House, name: &str, roles: &[&str]) {
    let mut words = vec!["users", "add", name];
    roles.iter().for_each(|role| words.extend(["--role", role]));
    house.typed(&words, &format!("{PASSWORD}\n"));
}

/// Who has a file with a token, and uses the daemon from afar.
struct Afar<'a> {
    house: &'a House,
    server: &'a str,
    token: String,
}

impl<'a> Afar<'a> {
    /// Signs in with the password and makes a token.
    fn of(house: &'a House, server: &'a str, name: &str, role: &str) -> Afar<'a> {
        let ca = house.path("tls.crt");
        let mut words = vec!["--server", server, "--ca-file", text(&ca), "tokens", "add", "test"];
        words.extend(["--user", name, "--role", role]);
        let made = house.typed(&words, &format!("{PASSWORD}\n"));
        assert_eq!(made["owner"], name);
        Afar { house, server, token: made["token"].as_str().unwrap().to_owned() }
    }

    fn run(&self, words: &[&str]) -> (i32, Value) {
        let (ca, file) = (self.house.path("tls.crt"), self.house.path("token"));
        fs::write(&file, format!("{}\n", self.token)).unwrap();
        let reference = format!("file:{}", file.display());
        let mut all = vec!["--server", self.server, "--ca-file", text(&ca), "--token", &reference];
        all.extend(words);
        self.house.run(&all)
    }

    fn ok(&self, words: &[&str]) -> Value {
        let (code, value) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {value:#}\n{}", self.house.log());
        value
    }

    fn refused(&self, words: &[&str]) -> String {
        let (code, value) = self.run(words);
        assert_ne!(code, 0, "{words:?} was not refused: {value:#}");
        value["code"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn users_and_tokens_over_tls() {
    let mut house = House::bare(small());
    house.init();
    let server = listening(&mut house);
    add_user(&house, "ada", &["operator"]);
    add_user(&house, "viv", &["viewer"]);
    assert_eq!(house.refused(&["users", "add", "ada", "--role", "viewer", "--no-password"]).1, "RK-3076");
    assert_eq!(house.refused(&["users", "role", "viv", "viewer:none"]).1, "RK-3010", "there is no such stack");
    let (ada, viv) = (Afar::of(&house, &server, "ada", "operator"), Afar::of(&house, &server, "viv", "viewer"));
    for who in [&ada, &viv] {
        assert!(who.ok(&["ops"]).is_array());
        assert_eq!(who.refused(&["users", "list"]), "RK-3071");
        assert_eq!(who.refused(&["protect", "postgres:///x", "--name", "x"]), "RK-3071");
        assert_eq!(who.ok(&["tokens", "list"]).as_array().unwrap().len(), 1);
    }
    assert_eq!(viv.refused(&["check"]), "RK-3071");
    assert_eq!(ada.ok(&["check"])["findings"], json!([]));
    assert_eq!(house.ok(&["ops"])[0]["asked_by"], "ada");
    // What the server is and who asks is not taken on trust.
    assert_eq!(house.refused(&["--server", &server, "status"]).1, "RK-4002", "nobody vouches for the certificate");
    let ca = house.path("tls.crt");
    let afar = ["--server", &server, "--ca-file", text(&ca)];
    assert_eq!(house.refused(&[&afar[..], &["status"]].concat()).1, "RK-3070");
    assert_eq!(
        house.refused(&[&afar[..], &["--token", &ada.token, "status"]].concat()).1,
        "RK-4001",
        "ps would show it"
    );
    // A right that is taken away is gone at once; so is a token, and a user.
    house.ok(&["users", "role", "ada", "viewer"]);
    assert_eq!(ada.refused(&["check"]), "RK-3071");
    let id = house.ok(&["tokens", "list"])[1]["id"].as_str().unwrap().to_owned();
    house.run(&["tokens", "revoke", &id]);
    assert_eq!(viv.refused(&["ops"]), "RK-3070");
    house.run(&["users", "remove", "ada"]);
    assert_eq!(ada.refused(&["ops"]), "RK-3070");
}

#[test]
fn a_renewed_certificate_is_taken_up() {
    let mut house = House::bare(small());
    house.init();
    let server = listening(&mut house);
    add_user(&house, "ada", &["viewer"]);
    let ada = Afar::of(&house, &server, "ada", "viewer");
    ada.ok(&["ops"]);
    certificate(&house);
    assert!(wait_until(PATIENCE, || ada.run(&["ops"]).0 == 0), "the new one is not shown: {}", house.log());
    fs::write(house.path("tls.key"), "no key").unwrap();
    assert!(wait_until(PATIENCE, || house.log().contains("the old one stays")), "{}", house.log());
    ada.ok(&["ops"]);
}

#[test]
fn a_session_is_a_cookie_and_a_word() {
    let mut house = House::bare(small());
    house.init();
    let server = listening(&mut house);
    add_user(&house, "ada", &["admin"]);
    let ca = reqwest::Certificate::from_pem(&fs::read(house.path("tls.crt")).unwrap()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let api = |path: &str| format!("{server}/api/v1/{path}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let send = |request: reqwest::RequestBuilder| {
        runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, answer.json::<Value>().await.unwrap_or(Value::Null))
        })
    };
    let code = |request: reqwest::RequestBuilder| {
        let (status, _, body) = send(request);
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let login = |password: &str| http.post(api("login")).json(&json!({"name": "ada", "password": password}));
    let (status, headers, session) = send(login(PASSWORD));
    assert_eq!(status, 200, "{session}");
    let cookie = headers["set-cookie"].to_str().unwrap().to_owned();
    for word in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(headers["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
    assert_eq!(headers["cache-control"], "no-store");
    assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    let (cookie, word) = (cookie.split(';').next().unwrap().to_owned(), session["csrf"].as_str().unwrap().to_owned());
    let with = |request: reqwest::RequestBuilder| request.header("cookie", &cookie);
    assert_eq!(send(with(http.get(api("me")))).2["name"], "ada");
    let ask = json!({"name": "eve", "grants": [{"role": "admin"}]});
    let post = || with(http.post(api("users"))).json(&ask);
    assert_eq!(code(post().header("x-request-id", "trace-me-1")), (403, "RK-3074".into()), "without the word");
    assert!(house.log().contains("trace-me-1"), "{}", house.log());
    let audit = house.ok(&["audit"]);
    let traced = |record: &Value| record["request_id"] == "trace-me-1" && record["outcome"] == "refused RK-3074";
    assert!(audit.as_array().unwrap().iter().any(traced), "{audit:#}");
    assert_eq!(code(post().header("x-rekindle-csrf", "wrong")), (403, "RK-3074".into()));
    let foreign = || post().header("x-rekindle-csrf", &word).header("origin", "https://elsewhere.example");
    assert_eq!(code(foreign()), (403, "RK-3074".into()), "from another page");
    let own = || post().header("x-rekindle-csrf", &word).header("origin", &server);
    assert_eq!(code(own()), (200, String::new()));
    assert_eq!(code(login("a wrong one")), (401, "RK-3073".into()));
    assert_eq!(code(with(http.post(api("logout"))).header("x-rekindle-csrf", &word)), (200, String::new()));
    assert_eq!(code(with(http.get(api("me")))), (401, "RK-3070".into()));
    for _ in 0..10 {
        code(login("a wrong one"));
    }
    assert_eq!(code(login(PASSWORD)), (429, "RK-3072".into()));
}

#[test]
fn the_socket_knows_who_asks() {
    let mut house = House::bare(small());
    house.init();
    let owner = fs::metadata(house.server.data_dir()).unwrap();
    let program = house.path("rekindle");
    fs::copy(env!("CARGO_BIN_EXE_rekindle"), &program).unwrap();
    let config = house.path("rekindle.toml");
    let socket = house.path("socket");
    let as_owner = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.uid(owner.uid()).gid(owner.gid()).arg("--socket").arg(&socket).arg("--json").args(words);
        let done = command.current_dir("/").stdin(Stdio::null()).output().unwrap();
        let said = [&done.stdout[..], &done.stderr[..]].concat();
        let body: Value = serde_json::from_slice(&said).unwrap_or(Value::Null);
        (done.status.code().unwrap(), body["code"].as_str().unwrap_or_default().to_owned())
    };
    house.start_daemon();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(as_owner(&["ops"]).1, "RK-4002", "others may not open it");
    house.kill_daemon();
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("socket_group = \"{}\"\n{text}", owner.gid())).unwrap();
    house.start_daemon();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(as_owner(&["ops"]), (4, "RK-3070".into()), "who opens it is still nobody");
    house.kill_daemon();
    set(&house, &format!("[[peer]]\nuser = \"{}\"\nrole = \"viewer\"", owner.uid()));
    house.start_daemon();
    assert_eq!(as_owner(&["ops"]), (0, String::new()));
    assert_eq!(as_owner(&["check"]), (4, "RK-3071".into()));
    assert_eq!(as_owner(&["users", "add", "eve", "--role", "admin", "--no-password"]).1, "RK-3071");
    let refusal = house.ok(&["audit"]).as_array().unwrap().iter().any(|record| record["outcome"] == "refused RK-3071");
    assert!(refusal, "{:#}", house.ok(&["audit"]));
}

#[test]
fn it_does_not_listen_where_secrets_could_be_read() {
    let mut house = House::bare(small());
    house.init();
    let config = fs::read_to_string(house.path("rekindle.toml")).unwrap();
    let with = |lines: &str| {
        fs::write(house.path("rekindle.toml"), format!("{config}\n{lines}\n")).unwrap();
        house.refused(&["serve"]).1
    };
    let port = free_port();
    let address = format!("[listen]\naddress = \"0.0.0.0:{port}\"\n");
    assert_eq!(with(&address), "RK-3001");
    assert_eq!(with(&format!("{address}unprotected = true")), "RK-3001", "said once");
    assert_eq!(with(&format!("{address}secrets_may_be_read_on_the_way = true")), "RK-3001", "said once");
    assert_eq!(with(&format!("{address}certificate = \"/c\"")), "RK-3001", "half of it");
    // Encrypted, it waits for somebody who could sign in.
    certificate(&house);
    let (crt, key) = (house.path("tls.crt"), house.path("tls.key"));
    let lines = format!("{address}certificate = {crt:?}\nkey = {key:?}\n");
    fs::write(house.path("rekindle.toml"), format!("{config}\n{lines}")).unwrap();
    house.start_daemon();
    let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(wait_until(PATIENCE, || house.log().contains("there is no user with a password yet")), "{}", house.log());
    assert!(!answers());
    house.ok(&["users", "add", "robot", "--role", "viewer", "--no-password"]);
    assert!(!answers(), "a user without a password is not enough");
    add_user(&house, "ada", &["viewer"]);
    assert!(wait_until(PATIENCE, answers), "{}", house.log());
}

#[test]
fn a_restore_that_needs_a_second_person() {
    let mut house = House::bare(small());
    house.init();
    let server = listening(&mut house);
    house.protect();
    house.ok(&["backup", "shop"]);
    let stack = |approvals: &str| {
        let url = house.server.socket_url("postgres");
        let file =
            format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n[policy]\n{approvals}");
        fs::write(house.path("stack.toml"), file).unwrap();
        house.path("stack.toml")
    };
    let needs_one = stack("[policy.approvals]\nrestore = 1\n");
    assert_eq!(house.refused(&["apply", text(&needs_one)]).1, "RK-3013", "nobody could agree");
    add_user(&house, "lead", &["approver"]);
    house.ok(&["apply", text(&needs_one)]);
    add_user(&house, "olga", &["operator:shop", "approver:shop"]);
    add_user(&house, "viv", &["viewer"]);
    let olga = Afar::of(&house, &server, "olga", "operator:shop");
    let olga_agrees = Afar::of(&house, &server, "olga", "approver:shop");
    let (lead, viv) = (Afar::of(&house, &server, "lead", "approver"), Afar::of(&house, &server, "viv", "viewer"));
    let into = house.path("back");
    let restore = ["restore", "shop", "--to", "latest", "--into", text(&into), "--no-start", "--yes"];
    assert_eq!(viv.refused(&restore), "RK-3071");
    assert_eq!(lead.refused(&restore), "RK-3071", "who agrees does not ask");
    assert_eq!(olga.refused(&restore), "RK-4007", "it waits for a person");
    assert!(!into.exists(), "nothing was touched");
    let id = house.ok(&["ops"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.ok(&["ops", "show", &id])["status"], "awaiting-approval");
    assert_eq!(olga_agrees.refused(&["approve", &id]), "RK-3042", "never who asked");
    assert_eq!(olga.refused(&["approve", &id]), "RK-3071", "this token may not");
    assert_eq!(viv.refused(&["approve", &id]), "RK-3071");
    lead.ok(&["approve", &id, "--why", "seen with olga"]);
    let over = || house.ok(&["ops", "show", &id])["ended"].is_string();
    assert!(wait_until(PATIENCE, over), "{}", house.log());
    let shown = house.ok(&["ops", "show", &id]);
    assert_eq!((&shown["status"], &shown["asked_by"]), (&json!("succeeded"), &json!("olga")), "{shown:#}");
    assert_eq!(shown["approvals"][0]["by"], "lead");
    // All of it is in the audit log, which is whole, and in the vault.
    let verdict = || house.ok(&["audit", "verify"]);
    assert!(wait_until(PATIENCE, || verdict()["mirrored"] == verdict()["records"]), "{:#}", verdict());
    let records = house.ok(&["audit", "--last", "1000"]);
    let said = |who: &str, action: &str, outcome: &str| {
        let is = |record: &&Value| {
            record["who"] == who && record["outcome"] == outcome && record["action"].as_str().unwrap().ends_with(action)
        };
        assert!(records.as_array().unwrap().iter().any(|record| is(&record)), "{who} {action} {outcome}: {records:#}");
    };
    said("olga", "/restores", "done");
    said("olga", "/approve", "RK-3042");
    said("viv", "/approve", "refused RK-3071");
    said("lead", "/approve", "done");
    said("root", "/stacks", "done");
    house.is_sound();
}

/// Nobody agrees in time.
#[test]
fn what_nobody_agrees_to_is_cancelled() {
    let mut house = House::bare(small());
    house.init();
    house.start_daemon();
    house.protect();
    house.ok(&["backup", "shop"]);
    add_user(&house, "lead", &["approver"]);
    let url = house.server.socket_url("postgres");
    let policy = "[policy]\n[policy.approvals]\nrestore = 1\nexpires = \"3 s\"\n";
    let file = format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{policy}");
    fs::write(house.path("stack.toml"), file).unwrap();
    house.ok(&["apply", text(&house.path("stack.toml"))]);
    let into = house.path("back");
    let waits = house.refused(&["restore", "shop", "--to", "latest", "--into", text(&into), "--no-start", "--yes"]).1;
    assert_eq!(waits, "RK-4007");
    let id = house.ok(&["ops"])[0]["id"].as_str().unwrap().to_owned();
    let cancelled = || house.ok(&["ops", "show", &id])["status"] == "cancelled";
    assert!(wait_until(PATIENCE, cancelled), "{:#}", house.ok(&["ops", "show", &id]));
    assert!(!into.exists());
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn planted_secrets_are_found_nowhere() {
    const IN_THE_URL: &str = "planted-in-the-url-7731";
    const REFUSED: &str = "planted-and-refused-8842";
    const OF_THE_USER: &str = "planted-password-9953";
    let mut house = House::bare(small());
    let url = house.server.socket_url("postgres");
    let joined = if url.contains('?') { "&" } else { "?" };
    house.variable("SHOP_URL", &format!("{url}{joined}password={IN_THE_URL}"));
    house.init();
    let server = listening(&mut house);
    let mut said = String::new();
    let mut hear = |value: Value| said.push_str(&value.to_string());
    hear(house.run(&["protect", &format!("{url}{joined}password={REFUSED}"), "--name", "shop"]).1);
    hear(house.run(&["protect", &format!("postgres://keeper:{REFUSED}@localhost:1/x"), "--name", "shop"]).1);
    hear(house.ok(&["protect", "env:SHOP_URL", "--name", "shop"]));
    house.caught_up();
    house.typed(&["users", "add", "ada", "--role", "admin"], &format!("{OF_THE_USER}\n"));
    let ca = house.path("tls.crt");
    let words = ["--server", &server, "--ca-file", text(&ca), "tokens", "add", "t", "--user", "ada", "--role", "admin"];
    let made = house.typed(&words, &format!("{OF_THE_USER}\n"));
    let token = made["token"].as_str().unwrap().to_owned();
    let ada = Afar { house: &house, server: &server, token: token.clone() };
    hear(ada.ok(&["backup", "shop"]));
    hear(ada.ok(&["restore", "shop", "--to", "latest", "--into", text(&house.path("back")), "--no-start", "--yes"]));
    hear(ada.run(&["restore", "none", "--to", "latest", "--into", "/none", "--yes"]).1);
    for words in [
        &["status"][..],
        &["ops"],
        &["timeline", "shop"],
        &["export"],
        &["users", "list"],
        &["tokens", "list"],
        &["audit", "--last", "1000"],
        &["audit", "verify"],
    ] {
        hear(ada.ok(words));
    }
    fs::remove_file(house.path("token")).unwrap();
    house.kill_daemon();
    let mut files = Vec::new();
    files_below(house.folder.path(), &mut files);
    assert!(files.iter().any(|path| path.ends_with("catalog.db")) && files.iter().any(|path| path.ends_with("log")));
    for secret in [IN_THE_URL, REFUSED, OF_THE_USER, &token] {
        assert!(!said.contains(secret), "{secret} was answered");
        for path in &files {
            let bytes = fs::read(path).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}
