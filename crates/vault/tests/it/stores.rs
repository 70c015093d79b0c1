//! The S3 store against a real server.

use bytes::Bytes;
use futures::TryStreamExt;
use vault::store::{self, Credentials, Location, S3Options, SharedStore};
use vault::{Env, Error};

fn location(server: &testkit::s3::Server, path: &str) -> Location {
    let options = S3Options {
        endpoint: Some(server.endpoint()),
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
