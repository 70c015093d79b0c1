//! Addresses, and what is said when nobody answers.

use super::*;

#[test]
fn every_segment_of_an_address_is_escaped() {
    assert_eq!(url(&["sources", "shop"]), "http://rekindle/api/v1/sources/shop");
    assert_eq!(url(&["sources", "a/b?c", "pin"]), "http://rekindle/api/v1/sources/a%2Fb%3Fc/pin");
    assert_eq!(url(&["sources", ".."]), "http://rekindle/api/v1/sources/%2E%2E");
}

#[tokio::test]
async fn without_a_daemon_the_hint_says_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let body = Client::new(&socket).unwrap().status().await.unwrap_err().body;
    assert_eq!(body.message, format!("no daemon answers at {}", socket.display()));
    assert_eq!((body.exit_code, body.kind.as_str()), (5, "unavailable"));
    assert!(body.hint.unwrap().contains("rekindle serve"));
    assert!(body.causes[0].contains("No such file"), "{:?}", body.causes);
}
