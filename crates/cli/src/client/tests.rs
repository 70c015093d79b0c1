//! Addresses, and what is said when nobody answers.

use super::*;

#[test]
fn every_segment_of_an_address_is_escaped() {
    assert_eq!(path_of(&["sources", "shop"]), "/api/v1/sources/shop");
    assert_eq!(path_of(&["sources", "a/b?c", "pin"]), "/api/v1/sources/a%2Fb%3Fc/pin");
    assert_eq!(path_of(&["sources", ".."]), "/api/v1/sources/%2E%2E");
}

#[tokio::test]
async fn without_a_daemon_the_hint_says_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let body = Client::local(&socket, None).unwrap().status().await.unwrap_err().body;
    assert_eq!(body.message, format!("no daemon answers at {}", socket.display()));
    assert_eq!((body.exit_code, body.kind.as_str()), (5, "unavailable"));
    assert!(body.hint.unwrap().contains("rekindle serve"));
    assert!(body.causes[0].contains("No such file"), "{:?}", body.causes);
}

#[test]
fn a_token_is_not_sent_where_it_could_be_read() {
    let remote = |server: &str| {
        Client::remote(server, Some("rk_0123".into()), None).map(drop).map_err(|failure| failure.body.code)
    };
    assert_eq!(remote("https://db1:7443"), Ok(()));
    assert_eq!(remote("http://127.0.0.1:7443/"), Ok(()));
    assert_eq!(remote("http://[::1]:7443"), Ok(()));
    for bad in
        ["http://db1:7443", "http://127.0.0.1.example.org", "http://localhost@db1", "db1:7443", "ftp://db1", "https://"]
    {
        assert_eq!(remote(bad), Err("RK-4001".to_owned()), "{bad}");
    }
}
