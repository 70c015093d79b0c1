//! The table is walked as each role, for everything, for the stack and for another one, and as nobody.

use std::collections::BTreeMap;

use api::{Grant, TokenAsk};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::catalog::{InstanceRow, StackRow};
use crate::house::House;
use crate::people::{Identity, ROLES, Via, includes, role_name, tokens};

const OPERATION: &str = "0123456789ab";

/// Something of each kind that a path may name, all of it of stack `shop`.
async fn house() -> House {
    let house = House::new().await;
    for (name, source) in [("shop", "orders"), ("other", "things")] {
        let file =
            format!("[stack]\nname = {name:?}\n[[source]]\nname = {source:?}\nurl = \"postgres:///x\"\n[policy]\n");
        let applied = Timestamp::UNIX_EPOCH.to_string();
        let row = StackRow { name: name.into(), file, applied, applied_by: "test".into() };
        house.daemon.catalog.put_stack(&row).await.unwrap();
    }
    let text = |text: &str| text.to_owned();
    let instance = InstanceRow {
        name: text("copy"),
        kind: text("clone"),
        source: text("orders"),
        phase: text("opening"),
        folder: house.folder.path().join("copy").display().to_string(),
        ask: text("{}"),
        created: Timestamp::UNIX_EPOCH.to_string(),
        expires: None,
        quota_bytes: None,
        backup: None,
        pin: None,
        opened: None,
        report: None,
        trouble: None,
        host: String::new(),
        serves: None,
    };
    house.daemon.catalog.add_instance(&instance).await.unwrap();
    house.add_run(OPERATION, "orders", Timestamp::UNIX_EPOCH).await;
    house
}

async fn token(house: &House, role: Role, stack: Option<&str>) -> String {
    let grants = vec![Grant { role: Role::Admin, stack: None }];
    let root = Identity::new("root".into(), Via::Socket { uid: 0 }, grants);
    let grants = vec![Grant { role, stack: stack.map(str::to_owned) }];
    let ask = TokenAsk { name: "walker".into(), grants, ttl_seconds: None };
    tokens::add(&house.daemon, &root, &ask).await.unwrap().token.0
}

fn path_of(route: &Route) -> String {
    let name = match route.needs {
        Needs::Role(_, Of::Stack) => "shop",
        Needs::Role(_, Of::Instance) => "copy",
        Needs::Role(_, Of::Operation) => OPERATION,
        _ => "orders",
    };
    let path = route.full_path();
    let path = match path.contains("{name}") {
        true => path.replace("{name}", name),
        false => path.replacen("{id}", name, 1),
    };
    path.replace("{backup}", "none").replace("{id}", "none")
}

async fn ask(router: &Router, route: &Route, token: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().method(route.method.name()).uri(path_of(route));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from("{}")).unwrap();
    TowerToHyperService::new(router.clone()).call(request).await.unwrap()
}

async fn code(answer: Response<Body>) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    if answer.headers()["content-type"] != "application/json" {
        // Such as events, which do not end.
        return (status, String::new());
    }
    let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let code = body["code"].as_str().filter(|_| status >= 400).unwrap_or_default().to_owned();
    if status >= 400 {
        assert_eq!(body["request_id"], id.as_str(), "{body}");
        assert!(code.starts_with("RK-") && !body["message"].as_str().unwrap().is_empty(), "{body}");
    }
    (status, code)
}

/// What the table says, said again in other words.
fn expected(route: &Route, who: Option<(Role, Option<&str>)>) -> bool {
    match (route.needs, who) {
        (Needs::Nothing, _) => true,
        (_, None) => false,
        (Needs::SignedIn, Some(_)) => true,
        (Needs::Role(needed, of), Some((has, stack))) => {
            let covers = match (stack, of) {
                (None, _) | (Some(_), Of::Something) => true,
                (Some(stack), Of::Source | Of::Stack | Of::Instance | Of::Operation) => stack == "shop",
                (Some(_), Of::Everything) => false,
            };
            covers && includes(has, needed)
        }
    }
}

#[tokio::test]
async fn each_role_passes_exactly_where_the_table_says() {
    let house = house().await;
    // What is done while who asks waits.
    let daemon = house.daemon.clone();
    tokio::spawn(async move { daemon.worker().work().await });
    let router = crate::http::router(&house.daemon);
    let mut wrong = Vec::new();
    let everyone = ROLES.iter().flat_map(|role| [None, Some("shop"), Some("other")].map(|stack| Some((*role, stack))));
    for who in everyone.chain([None]) {
        let token = match who {
            Some((role, stack)) => Some(token(&house, role, stack).await),
            None => None,
        };
        for route in table() {
            let (status, code) = code(ask(&router, &route, token.as_deref()).await).await;
            let refused = if who.is_some() { (403, "RK-3071") } else { (401, "RK-3070") };
            let passed = (status, code.as_str()) != refused;
            // Signing in without a password is refused by the route itself.
            let fine = passed == expected(&route, who) && (passed || status == refused.0);
            if !fine {
                let who = who.map_or("nobody".to_owned(), |(role, stack)| format!("{} of {stack:?}", role_name(role)));
                wrong.push(format!("{} as {who}: {status} {code}", route.action()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_token_that_is_not_one_is_nobody_whatever_else_is_known() {
    let house = house().await;
    let router = crate::http::router(&house.daemon);
    let status = table().into_iter().find(|route| route.path == "/status").unwrap();
    assert_eq!(code(ask(&router, &status, Some("rk_0123")).await).await, (401, "RK-3070".to_owned()));
}

#[test]
fn each_row_is_there_once_and_names_what_its_role_is_for() {
    let mut seen = BTreeMap::new();
    for route in table() {
        assert_eq!(seen.insert(route.action(), ()), None, "{} is there twice", route.action());
        let named = route.path.contains("{name}") || route.path.contains("{id}");
        let needs_a_name = matches!(route.needs, Needs::Role(_, Of::Source | Of::Stack | Of::Instance | Of::Operation));
        assert!(named || !needs_a_name, "{} needs a name in its path", route.action());
        assert!(route.method != super::super::route::Method::Get || route.body.is_none(), "{}", route.action());
    }
    assert!(seen.len() > 50);
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_listed() {
    let house = house().await;
    let router = crate::http::router(&house.daemon);
    for (stack, sees) in [("shop", true), ("other", false)] {
        let token = token(&house, Role::Viewer, Some(stack)).await;
        for path in ["/operations", "/stacks", "/status", "/fleet"] {
            let route = table().into_iter().find(|route| route.path == path).unwrap();
            let answer = ask(&router, &route, Some(&token)).await;
            let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
            let text = String::from_utf8_lossy(&body).into_owned();
            let about = if path == "/stacks" { "\"shop\"" } else { "\"orders\"" };
            assert_eq!(text.contains(about), sees, "{path} for {stack}: {text}");
        }
    }
}

#[tokio::test]
async fn a_page_is_full_of_what_may_be_seen() {
    let house = house().await;
    for (id, source) in [("a", "things"), ("b", "things"), ("c", "things"), ("d", "orders")] {
        house.add_run(id, source, house.daemon.host.env.now()).await;
    }
    let service = TowerToHyperService::new(crate::http::router(&house.daemon));
    let listed = async |stack: Option<&str>| {
        let token = token(&house, Role::Viewer, stack).await;
        let request =
            Request::builder().uri("/api/v1/operations?limit=2").header("authorization", format!("Bearer {token}"));
        let answer = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
        let found: Vec<Value> = serde_json::from_slice(&body).unwrap();
        found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ["d", "c"]);
    assert_eq!(listed(Some("shop")).await, ["d", OPERATION], "and three between them that are not seen");
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_said_in_the_one_shape() {
    let house = house().await;
    let service = TowerToHyperService::new(crate::http::router(&house.daemon));
    let token = token(&house, Role::Admin, None).await;
    let request = |method: &str, path: &str, body: Body| {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        request.header("x-request-id", "mine-1").body(body).unwrap()
    };
    let large = Body::from(vec![b' '; 3 << 20]);
    for (asked, wanted) in [
        (request("GET", "/api/v1/nothing", Body::empty()), (404, "RK-3010")),
        (request("PATCH", "/api/v1/status", Body::empty()), (405, "RK-3013")),
        (request("POST", "/api/v1/check", large), (413, "RK-3078")),
        (request("POST", "/api/v1/check", Body::from("no json")), (400, "RK-3013")),
        (request("GET", "/api/v1/operations?limit=many", Body::empty()), (400, "RK-3013")),
    ] {
        let answer = service.call(asked).await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "mine-1");
        assert_eq!(code(answer).await, (wanted.0, wanted.1.to_owned()));
    }
}

#[test]
fn the_document_is_the_committed_one() {
    golden("docs/openapi.json", &crate::openapi());
}

#[test]
fn the_page_of_people_has_the_table_of_roles() {
    let path = root().join("docs/people.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- roles -->\n", "<!-- /roles -->");
    let (before, rest) = page.split_once(begin).expect("the page has a place for the table");
    let (_, after) = rest.split_once(end).expect("the page says where the table ends");
    golden("docs/people.md", &format!("{before}{begin}{}{end}{after}", crate::roles_table()));
}

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[allow(clippy::disallowed_methods, reason = "tests may ask the machine")]
fn golden(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("REKINDLE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what the table says now: run with REKINDLE_BLESS=1 and read the difference",
        path.display()
    );
}
