//! The S3 store against a real server.

use bytes::Bytes;
use futures::TryStreamExt;
use testkit::trouble::{Proxy, Trouble};
use vault::store::{self, Credentials, Location, S3Options, SharedStore};
use vault::{Env, Error};

fn location(server: &testkit::s3::Server, path: &str) -> Location {
    location_by(server.endpoint(), server, path)
}

fn location_by(endpoint: String, server: &testkit::s3::Server, path: &str) -> Location {
    let options = S3Options {
        endpoint: Some(endpoint),
        path_style: true,
        allow_http: true,
        credentials: Credentials::Keys {
            id: server.key_id().into(),
            secret: server.secret().to_owned().into(),
            token: None,
        },
        ..S3Options::default()
    };
    format!("s3://{path}").parse::<Location>().unwrap().with_s3(options)
}

fn open(server: &testkit::s3::Server, path: &str) -> SharedStore {
    store::open(&location(server, path)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_conforms_with_and_without_prefix() {
    let server = testkit::s3::Server::start().await;
    for path in [server.bucket().to_owned(), format!("{}/some/prefix", server.bucket())] {
        let broken = store::conformance::conformance(&open(&server, &path), &Env::system()).await;
        assert!(broken.is_empty(), "{path}: {broken:#?}");
    }
}

#[tokio::test]
async fn s3_is_probed_safe_and_prefixes_are_apart() {
    let server = testkit::s3::Server::start().await;
    let one = open(&server, &format!("{}/one", server.bucket()));
    let found = store::probe::probe(&one, &Env::system()).await.unwrap();
    assert!(found.conditional_put && found.list_after_write && found.range_read && found.read_back && found.delete);
    one.put_new("a", Bytes::from_static(b"1")).await.unwrap();
    let two = open(&server, &format!("{}/on", server.bucket()));
    let listed: Vec<_> = two.list("").try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn s3_refusals_are_permanent_and_not_an_empty_vault() {
    let server = testkit::s3::Server::start().await;
    let nowhere = open(&server, "no-such-bucket");
    let mut location = location(&server, server.bucket());
    if let Location::S3(s3) = &mut location {
        let secret = "wrong".to_owned().into();
        s3.options.credentials = Credentials::Keys { id: "AKIANOBODY0000000000".into(), secret, token: None };
    }
    for store in [nowhere, store::open(&location).unwrap()] {
        for error in [
            store.put_new("a", Bytes::from_static(b"1")).await.unwrap_err(),
            store.get("a").await.unwrap_err(),
            store.list("").try_collect::<Vec<_>>().await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Store { permanent: true, .. }), "{store:?}: {error:?}");
        }
    }
}

/// Every way an answer can go missing, before and after the server did what was asked.
const TROUBLES: [&[Trouble]; 6] = [
    &[Trouble::LostAnswer],
    &[Trouble::LostRequest],
    &[Trouble::Status(409)],
    &[Trouble::Status(409), Trouble::LostAnswer],
    &[Trouble::Status(503), Trouble::LostAnswer],
    &[Trouble::Status(409), Trouble::LostRequest, Trouble::Status(409)],
];

#[tokio::test]
async fn s3_put_is_settled_whatever_happens_to_the_answer() {
    let server = testkit::s3::Server::start().await;
    let proxy = Proxy::start(&server.endpoint(), "PUT").await;
    let store = store::open(&location_by(proxy.endpoint(), &server, server.bucket())).unwrap();
    for (number, troubles) in TROUBLES.iter().enumerate() {
        let name = format!("put/{number}");
        proxy.plan(troubles);
        let put = store.put_new(&name, Bytes::from_static(b"ours")).await;
        assert!(put.is_ok(), "{troubles:?}: {put:?}");
        assert_eq!(proxy.left(), 0, "{troubles:?} did not all happen");
        assert_eq!(store.get(&name).await.unwrap(), "ours");

        proxy.plan(&troubles[..1]);
        let put = store.put_new(&name, Bytes::from_static(b"other")).await;
        assert!(matches!(put, Err(Error::Exists(_))), "{troubles:?}: {put:?}");
        assert_eq!(store.get(&name).await.unwrap(), "ours");
    }
}
