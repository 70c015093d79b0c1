//! Which paths are pages, which are files, and which are nobody's; and what a browser may do with them.

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::{Built, FOR_EVER, NONCE};
use crate::house::House;

async fn get(house: &House, path: &str, encoding: &str) -> Response {
    let service = TowerToHyperService::new(crate::http::router(&house.daemon));
    let request = Request::builder().uri(path).header("accept-encoding", encoding);
    service.call(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(answer: Response) -> String {
    let body = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_page_is_served_with_a_number_of_its_own_or_says_that_there_is_none() {
    let house = House::new().await;
    let is_built = Built::get("index.html").is_some();
    let mut policies = Vec::new();
    for path in ["/", "/stacks/shop", "/operations/0123/plan", "/sign-in"] {
        let answer = get(&house, path, "").await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        policies.push(answer.headers()["content-security-policy"].to_str().unwrap().to_owned());
        let text = text(answer).await;
        match is_built {
            true => assert!(text.contains("<div id=\"root\">") && !text.contains(NONCE), "{text}"),
            false => assert!(text.contains("built without the dashboard"), "{text}"),
        }
    }
    assert!(policies.iter().all(|policy| !policy.contains("unsafe")), "{policies:?}");
    policies.dedup();
    assert_eq!(policies.len(), if is_built { 4 } else { 1 }, "{policies:?}");
}

#[tokio::test]
async fn what_is_neither_page_nor_file_is_no_route() {
    let house = House::new().await;
    for path in
        ["/api/v1/nothing", "/api", "/index.html", "/assets/none.js", "/wp-admin", "/healthz/x", "/../Cargo.toml"]
    {
        let answer = get(&house, path, "").await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(text(answer).await.contains("RK-3010"), "{path}");
    }
}

#[tokio::test]
async fn files_with_names_of_their_own_are_kept_for_ever_and_come_compressed() {
    let house = House::new().await;
    for name in Built::iter().filter(|name| name.starts_with("assets/") && name.ends_with(".js")) {
        let answer = get(&house, &format!("/{name}"), "gzip, br").await;
        assert_eq!(answer.headers()["cache-control"], FOR_EVER, "{name}");
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8", "{name}");
        let compressed = Built::get(&format!("{name}.br")).map(|_| "br");
        let encoding = answer.headers().get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(encoding, compressed, "{name}");
        assert!(get(&house, &format!("/{name}"), "").await.headers().get("content-encoding").is_none());
    }
}
