//! Requests to a real server of HTTP, and what they show of it.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use reqwest::StatusCode;

use super::*;

/// What a site answers, and what it was asked. Where `value` is set, the site holds it: GET gives it, PUT sets it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) answer: (u16, String),
    pub(crate) requests: Vec<String>,
    pub(crate) value: Option<String>,
    pub(crate) tagged: bool,
    /// So many answers of GET behind a change still show what stood there before.
    pub(crate) late: usize,
    pub(crate) stale: usize,
    pub(crate) before: String,
}

/// A server of HTTP that is told what to answer. It ends with the test.
#[derive(Debug)]
pub(crate) struct Site {
    port: u16,
    script: Arc<Mutex<Script>>,
}

impl Site {
    pub(crate) async fn start(script: Script) -> Site {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, script) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(script)));
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Site { port, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: axum::extract::Request) -> axum::response::Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    let headers: Vec<String> =
        head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
    let mut script = script.lock().unwrap();
    script.requests.push(format!("{} {}\n{}\n\n{body}", head.method, head.uri, headers.join("\n")));
    let if_match = head.headers.get("if-match").and_then(|value| value.to_str().ok());
    held(&mut script, head.method.as_str(), &body, if_match).unwrap_or_else(|| {
        let (status, text) = script.answer.clone();
        (StatusCode::from_u16(status).unwrap(), text).into_response()
    })
}

fn held(script: &mut Script, method: &str, body: &str, if_match: Option<&str>) -> Option<axum::response::Response> {
    let value = script.value.clone()?;
    let tag = format!("\"{value}\"");
    if method == "GET" {
        let shown = if script.stale > 0 { script.before.clone() } else { value };
        script.stale = script.stale.saturating_sub(1);
        let text = serde_json::json!({ "a": [{ "host": shown }] }).to_string();
        return Some(if script.tagged { ([("etag", tag)], text).into_response() } else { text.into_response() });
    }
    if if_match.is_some_and(|wanted| wanted != tag) {
        return Some(StatusCode::PRECONDITION_FAILED.into_response());
    }
    let asked: serde_json::Value = serde_json::from_str(body).ok()?;
    script.stale = script.late;
    script.before = script.value.replace(asked["host"].as_str()?.to_owned())?;
    Some(StatusCode::NO_CONTENT.into_response())
}

fn host() -> Host {
    let variables = BTreeMap::from([("TOKEN".to_owned(), "planted-token".to_owned())]);
    Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

fn way() -> Way<'static> {
    Way { limit: Duration::from_secs(5), ca_file: None, allow_http: false }
}

fn told() -> BTreeMap<String, String> {
    BTreeMap::from([("stack".to_owned(), "a \"b\"&c\n/é".to_owned())])
}

fn request(text: &str) -> Request {
    toml::from_str(text).unwrap()
}

#[tokio::test]
async fn values_are_written_as_their_place_wants_them() {
    let site = Site::start(Script { answer: (200, String::new()), ..Script::default() }).await;
    let url = site.url();
    for text in [
        format!(
            "method = 'POST'\nurl = '{url}/x/{{stack}}?q={{stack}}'\nbody = '{{\"s\": \"{{stack}}\", \"e\": {{}}}}'"
        ),
        format!(
            "method = 'POST'\nurl = '{url}'\nbody = 's={{stack}}'\nheaders = {{ Content-Type = 'application/x-www-form-urlencoded' }}"
        ),
        format!("method = 'POST'\nurl = '{url}'\nbody = 's={{stack}}'\nheaders = {{ content-type = 'text/plain' }}"),
    ] {
        let request = request(&text);
        assert_eq!(request.wrong(&["stack"], way()), None);
        request.send(&host(), &told(), way()).await.unwrap().expected(&[]).unwrap();
    }
    let asked = site.script().requests.clone();
    assert!(
        asked[0].starts_with("POST /x/a%20%22b%22%26c%0A%2F%C3%A9?q=a%20%22b%22%26c%0A%2F%C3%A9\n"),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("content-type: application/json\n"), "{}", asked[0]);
    assert!(asked[0].ends_with(r#"{"s": "a \"b\"&c\n/é", "e": {}}"#), "{}", asked[0]);
    assert!(asked[1].ends_with("\n\ns=a%20%22b%22%26c%0A%2F%C3%A9"), "{}", asked[1]);
    assert!(asked[2].ends_with("\n\ns=a \"b\"&c\n/é"), "{}", asked[2]);
}

#[tokio::test]
async fn a_secret_in_a_header_is_in_no_error() {
    let site = Site::start(Script { answer: (403, "no planted-token here".into()), ..Script::default() }).await;
    let text =
        format!("url = '{}/planted'\nheaders = {{ authorization = 'Bearer env:TOKEN', x = 'env:TOKEN' }}", site.url());
    let request = request(&text);
    let trouble = request.send(&host(), &told(), way()).await.unwrap().expected(&[200, 404]).unwrap_err();
    assert_eq!(trouble.what, format!("GET {} answered 403, 200 or 404 expected: no … here", site.url()));
    assert_eq!(trouble.hint.as_deref(), Some("is the header with the token or password right?"));
    assert!(!trouble.passes && !format!("{request:?}").contains("planted-token"));
    let asked = site.script().requests[0].clone();
    assert!(asked.contains("authorization: Bearer planted-token") && asked.contains("x: planted-token"), "{asked}");
}

#[tokio::test]
async fn nobody_and_nothing() {
    let gone = request("url = 'http://127.0.0.1:1/planted'").send(&host(), &told(), way()).await.unwrap_err();
    assert!(gone.passes, "{gone:?}");
    assert_eq!(gone.what, "GET http://127.0.0.1:1 did not answer: Connection refused (os error 111)");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let way = Way { limit: Duration::from_secs(1), ..way() };
    let silent = request(&format!("url = '{url}'")).send(&host(), &told(), way).await.unwrap_err();
    assert!(silent.passes && silent.what.starts_with(&format!("GET {url} did not answer")), "{silent:?}");
    let missing = request("url = 'http://a'\nheaders = { a = 'env:NONE' }").unread(&host()).await;
    assert_eq!(missing[0].what, "the secret env:NONE cannot be read: it is not set");
}

#[test]
fn what_makes_no_sense_is_said() {
    let cases = [
        ("url = 'https://a'\nmethod = 'FETCH'", "method \"FETCH\" is none of HTTP"),
        ("url = 'https://a/{other}'", "{other} is nothing that is told here"),
        (
            "url = 'https://planted:planted@a'",
            "the address holds a user or a password: write a header with a reference in its place",
        ),
        ("url = 'https://a'\nheaders = { 'a b' = 'c' }", "\"a b\" is no name of a header"),
        ("url = 'https://a'\nbody = '{'", "the body is no JSON: EOF while parsing an object at line 1 column 1"),
        (
            "url = 'http://a'\nheaders = { a = 'Bearer env:B' }",
            "http sends the secret in clear: use https, or say allow_http = true",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(request(text).wrong(&["stack"], way()).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(request("url = 'http://localhost'\nheaders = { a = 'env:B' }").wrong(&[], way()), None);
    assert_eq!(wanted(&[]), "2xx");
}
