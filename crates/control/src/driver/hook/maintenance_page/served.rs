//! The pages that this process serves, by the address where they listen. Each is a task of its own; one whose task has ended is down.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

use crate::driver::{Outcome, Trouble};

/// A head of a request that takes longer is not waited for, nor is a connection that does nothing.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 512;
const AGAIN_AFTER: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) body: Bytes,
    pub(super) retry_after: u64,
}

/// The page may be exchanged while it is up.
type Shared = Arc<RwLock<Page>>;

#[derive(Debug)]
struct Up {
    page: Shared,
    task: JoinHandle<()>,
}

static PAGES: Mutex<BTreeMap<SocketAddr, Up>> = Mutex::const_new(BTreeMap::new());

/// Whether it was not up before. Returns when it is served.
pub(super) async fn put_up(address: SocketAddr, page: Page) -> Outcome<bool> {
    let mut pages = PAGES.lock().await;
    if let Some(up) = pages.get(&address).filter(|up| !up.task.is_finished()) {
        *up.page.write().unwrap_or_else(PoisonError::into_inner) = page;
        return Ok(false);
    }
    let listener = TcpListener::bind(address).await.map_err(|e| trouble(address, &e))?;
    let page = Arc::new(RwLock::new(page));
    let task = tokio::spawn(accept(listener, page.clone()));
    pages.insert(address, Up { page, task });
    Ok(true)
}

/// Whether it was up. Returns when nothing of it is left, and its address is free.
pub(super) async fn take_down(address: SocketAddr) -> bool {
    let Some(up) = PAGES.lock().await.remove(&address) else { return false };
    let was_up = !up.task.is_finished();
    up.task.abort();
    let _ = up.task.await;
    was_up
}

/// Whether somebody else has the address. A socket that does not listen is seen by nobody.
pub(super) fn not_free(address: SocketAddr) -> Option<Trouble> {
    let ours = PAGES.try_lock().is_ok_and(|pages| pages.get(&address).is_some_and(|up| !up.task.is_finished()));
    if ours {
        return None;
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let bound = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    });
    bound.err().map(|error| trouble(address, &error))
}

fn trouble(address: SocketAddr, error: &io::Error) -> Trouble {
    let what = format!("cannot listen at {address}: {error}");
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Trouble::away(what).hint("another program has this address: stop it, or choose another")
        }
        io::ErrorKind::PermissionDenied => {
            Trouble::refused(what).hint("ports under 1024 need a right of their own: CAP_NET_BIND_SERVICE")
        }
        _ => Trouble::refused(what).hint("does this host have that address?"),
    }
}

/// Ends when it is aborted, and its connections with it.
async fn accept(listener: TcpListener, page: Shared) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = page.clone();
                connections.spawn(async move {
                    answer(stream, &page).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the maintenance page could not be taken");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// One answer a connection: who asks again comes to whatever listens by then.
async fn answer(stream: TcpStream, page: &Shared) {
    let now = page.read().unwrap_or_else(PoisonError::into_inner).clone();
    let service = service_fn(move |_: hyper::Request<hyper::body::Incoming>| {
        std::future::ready(Ok::<_, Infallible>(response(&now)))
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
    let _ = tokio::time::timeout(PATIENCE * 2, http.serve_connection(TokioIo::new(stream), service)).await;
}

fn response(page: &Page) -> Response<Body> {
    let mut response = Response::new(Body::from(page.body.clone()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, "text/html; charset=utf-8".parse().expect("a header"));
    headers.insert(RETRY_AFTER, page.retry_after.into());
    headers.insert(CACHE_CONTROL, "no-store".parse().expect("a header"));
    headers.insert(CONNECTION, "close".parse().expect("a header"));
    response
}

/// Title and text as they stand in HTML.
pub(super) fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\nbody {{ font: 1.1rem/1.5 \
         system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1.5rem; color: #222; background: #fff; }}\n@media \
         (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #181818; }} }}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>{text}</p>\n</body>\n</html>\n"
    )
}
