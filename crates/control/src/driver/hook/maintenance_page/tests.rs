//! A page as those see it who ask for something else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::driver::hook::HookSpec;
use crate::driver::hook::conformance::{World, holds, told};

fn host() -> Host {
    Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), std::collections::BTreeMap::new())
}

fn page(port: u16) -> MaintenancePage {
    let text = "title = 'Shop & more'\ntext = 'We bring back {moment}. <b>Soon</b> {stack}'\nretry_after_seconds = 90";
    toml::from_str(&format!("listen = '127.0.0.1:{port}'\n{text}")).unwrap()
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn ask(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

const GET: &str = "GET /any/where?x=1 HTTP/1.1\r\nhost: shop\r\n\r\n";

/// What a plain client gets, asked without our own tasks.
struct Visitor(u16);

impl World for Visitor {
    fn seen(&self) -> String {
        let port = self.0;
        let curl = std::process::Command::new("curl").args(["-s", "-i", &format!("http://127.0.0.1:{port}/")]).output();
        let text = String::from_utf8_lossy(&curl.unwrap().stdout).into_owned();
        text.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_hook_does() {
    let port = free_port().await;
    let spec = HookSpec::MaintenancePage(page(port));
    let said = holds(&spec, &host(), &Visitor(port)).await;
    assert_eq!(said, [format!("the maintenance page is up at 127.0.0.1:{port}")]);
    assert_eq!(Visitor(port).seen(), "", "it is still up");
}

#[tokio::test]
async fn every_request_is_answered_with_the_page() {
    let (port, host) = (free_port().await, host());
    let page = page(port);
    page.run(&host, &told(), &|_| {}).await.unwrap();
    for request in [GET, "POST /pay HTTP/1.1\r\nhost: shop\r\ncontent-length: 3\r\n\r\nabc", "GET / HTTP/1.0\r\n\r\n"] {
        let answer = ask(port, request).await.unwrap();
        assert!(answer.starts_with("HTTP/1.") && answer[9..].starts_with("503 Service Unavailable\r\n"), "{answer}");
        for header in ["retry-after: 90", "cache-control: no-store", "connection: close", "content-type: text/html"] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(answer.contains("<h1>Shop &amp; more</h1>"), "{answer}");
        assert!(
            answer.contains("<p>We bring back 2026-11-21T13:00:00Z. &lt;b&gt;Soon&lt;/b&gt; shop&#39;s</p>"),
            "{answer}"
        );
    }
    let head = ask(port, "HEAD / HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
    assert!(head.contains(" 503 ") && head.ends_with("\r\n\r\n"), "{head}");
    page.take_back(&host, &told(), &|_| {}).await.unwrap();
    assert!(ask(port, GET).await.is_err());
    TcpListener::bind(("127.0.0.1", port)).await.expect("its address is free");
}

#[tokio::test]
async fn a_page_of_ones_own_is_shown_as_it_is_and_can_be_exchanged() {
    let (port, host, file) = (free_port().await, host(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(file.path(), "<p>ours {moment}</p>").unwrap();
    page(port).run(&host, &told(), &|_| {}).await.unwrap();
    let own = MaintenancePage { page: Some(file.path().into()), ..page(port) };
    assert_eq!(own.probe(&host).await, []);
    own.run(&host, &told(), &|_| {}).await.unwrap();
    assert!(ask(port, GET).await.unwrap().ends_with("\r\n\r\n<p>ours {moment}</p>"));
    own.take_back(&host, &told(), &|_| {}).await.unwrap();
    drop(file);
    assert!(own.probe(&host).await[0].what.starts_with("cannot read /"), "{:?}", own.probe(&host).await);
}

#[tokio::test]
async fn an_address_of_somebody_else_is_refused_and_waited_for() {
    let (host, other) = (host(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = other.local_addr().unwrap().port();
    let what = format!("cannot listen at 127.0.0.1:{port}: Address already in use (os error 98)");
    let expected = Trouble::away(what).hint("another program has this address: stop it, or choose another");
    assert_eq!(page(port).probe(&host).await, std::slice::from_ref(&expected));
    assert_eq!(page(port).run(&host, &told(), &|_| {}).await, Err(expected.clone()));
    let pages = || vec![(page(port), told())];
    assert_eq!(keep_up(&host, pages(), Duration::from_millis(700)).await, [(page(port), expected)]);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(other);
    });
    assert_eq!(keep_up(&host, pages(), Duration::from_secs(20)).await, []);
    assert!(ask(port, GET).await.unwrap().contains(" 503 "));
    page(port).take_back(&host, &told(), &|_| {}).await.unwrap();
}

/// As after a restart of the daemon: the task is gone with its runtime, and what stands in the registry says nothing.
#[test]
fn a_page_whose_task_has_ended_is_put_up_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(page(port).probe(&host()).await, []);
            assert_eq!(keep_up(&host(), vec![(page(port), told())], Duration::from_secs(5)).await, []);
            assert!(ask(port, GET).await.unwrap().contains(" 503 "));
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        assert_eq!(Visitor(port).seen(), "");
    }
}
