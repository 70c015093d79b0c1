//! Listening: the Unix socket always, the network when the configuration says so. Who asks is known by the connection first.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::tls;
use crate::config::{Config, ListenSettings};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::people::users;

/// A head of a request that takes longer is not waited for.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// What requests get to come to their end when the daemon goes.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often it is looked whether there is a user with a password.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Connections from the network at one time.
const CONNECTIONS_MAX: usize = 1024;

/// The other side of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Peer {
    pub(super) uid: Option<u32>,
    pub(super) address: Option<IpAddr>,
    pub(super) encrypted: bool,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.uid, self.address) {
            (Some(uid), _) => write!(f, "uid {uid}"),
            (None, Some(address)) => write!(f, "{address}"),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// What all connections share.
#[derive(Clone)]
struct Door {
    router: Router,
    leaving: watch::Receiver<bool>,
}

pub(crate) async fn serve(daemon: &Daemon, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let socket = daemon.config.socket.clone();
    let listener = bind_socket(&daemon.config)?;
    tracing::info!(socket = %socket.display(), "listening");
    let (leave, leaving) = watch::channel(false);
    let door = Door { router: super::router(daemon), leaving };
    let local = tokio::spawn(accept_local(listener, door.clone()));
    let network = daemon.config.listen.clone().map(|listen| tokio::spawn(network(daemon.clone(), listen, door)));
    shutdown.await;
    let _ = leave.send(true);
    let _ = local.await;
    if let Some(network) = network {
        let _ = network.await;
    }
    let _ = std::fs::remove_file(&socket);
    Ok(())
}

/// What a daemon that stands by has open: the socket, where it says who serves.
pub(crate) struct Standby {
    leave: watch::Sender<bool>,
    local: JoinHandle<()>,
}

impl Standby {
    pub(crate) async fn close(self) {
        let _ = self.leave.send(true);
        let _ = self.local.await;
    }
}

pub(crate) fn stand_by(config: &Config, serves: watch::Receiver<String>) -> Result<Standby> {
    let listener = bind_socket(config)?;
    let (leave, leaving) = watch::channel(false);
    let refused = move || std::future::ready(Error::StandsBy(serves.borrow().clone()).into_response());
    let router = Router::new().route("/healthz", get(super::health::healthz)).fallback(refused);
    Ok(Standby { leave, local: tokio::spawn(accept_local(listener, Door { router, leaving })) })
}

fn bind_socket(config: &Config) -> Result<UnixListener> {
    let socket = &config.socket;
    socket.parent().map_or(Ok(()), crate::init::make_folder)?;
    // The data folder's lock says that nobody else serves here, so a socket that is there is a dead one.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).map_err(|e| Error::file("listen at", socket, e))?;
    let mode = match &config.socket_group {
        Some(group) => {
            chown(socket, None, Some(group_number(group)?)).map_err(|e| Error::file("give to its group", socket, e))?;
            0o660
        }
        None => 0o600,
    };
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(mode))
        .map_err(|e| Error::file("set the mode of", socket, e))?;
    Ok(listener)
}

fn group_number(group: &str) -> Result<u32> {
    let path = Path::new("/etc/group");
    let all = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
    let fields = all.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields.first() == Some(&group));
    let number = found.and_then(|fields| fields.get(2)?.parse().ok()).or_else(|| group.parse().ok());
    let what = format!("socket_group: there is no group {group:?} on this host");
    number.ok_or_else(|| Error::Config { path: "the configuration".into(), what })
}

async fn accept_local(listener: UnixListener, mut door: Door) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = door.leaving.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
                talk(stream, Peer { uid, ..Peer::default() }, &door.router, &graceful, None);
            }
            Err(error) => {
                tracing::error!(%error, "a connection to the socket could not be taken");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
    let _ = tokio::time::timeout(LEAVE_PATIENCE, graceful.shutdown()).await;
}

/// Listens in the network once it may, until the daemon goes.
async fn network(daemon: Daemon, listen: ListenSettings, mut door: Door) {
    let listening = async {
        wait_for_a_user(&daemon, &listen).await;
        let tls = listen.tls().map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
        let bound = TcpListener::bind(listen.address).await;
        let listener = bound.map_err(|e| Error::file("listen at", listen.address.to_string().as_ref(), e))?;
        let encrypted = tls.is_some();
        let address = listener.local_addr().unwrap_or(listen.address);
        tracing::info!(%address, encrypted, "listening in the network");
        Ok::<_, Error>((listener, tls))
    };
    let ready = tokio::select! {
        ready = listening => ready,
        _ = door.leaving.changed() => return,
    };
    match ready {
        Ok((listener, tls)) => accept_network(listener, tls, door).await,
        Err(error) => tracing::error!(%error, cause = ?error.body().causes, "not listening in the network"),
    }
}

/// Beyond this host nobody could sign in, or everybody could listen in; who wants it nevertheless has said so twice.
async fn wait_for_a_user(daemon: &Daemon, listen: &ListenSettings) {
    let mut told = false;
    while !listen.may_be_unprotected() && !users::has_password(daemon).await.unwrap_or(false) {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                address = %listen.address,
                "not listening in the network: there is no user with a password yet (rekindle users add NAME --role ROLE); it begins \
                 when there is one"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn accept_network(listener: TcpListener, tls: Option<TlsAcceptor>, mut door: Door) {
    let graceful = Arc::new(GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &room) => accepted,
            _ = door.leaving.changed() => break,
        };
        let Some((stream, address, place)) = accepted else { continue };
        let peer = Peer { uid: None, address: Some(address.ip()), encrypted: tls.is_some() };
        let Some(tls) = tls.clone() else {
            talk(stream, peer, &door.router, &graceful, Some(place));
            continue;
        };
        let (router, graceful) = (door.router.clone(), graceful.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                Ok(Ok(stream)) => talk(stream, peer, &router, &graceful, Some(place)),
                Ok(Err(error)) => tracing::debug!(%error, %peer, "no TLS"),
                Err(_) => tracing::debug!(%peer, "no TLS in time"),
            }
        });
    }
    drop(listener);
    if let Some(graceful) = Arc::into_inner(graceful) {
        let _ = tokio::time::timeout(LEAVE_PATIENCE, graceful.shutdown()).await;
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(tokio::net::TcpStream, SocketAddr, Place)> {
    let place = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, address, place))
        }
        Err(error) => {
            tracing::error!(%error, "a connection from the network could not be taken");
            tokio::time::sleep(AGAIN_AFTER).await;
            None
        }
    }
}

/// Serves one connection, in a task of its own.
fn talk<S>(stream: S, peer: Peer, router: &Router, graceful: &GracefulShutdown, place: Option<Place>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let routes = TowerToHyperService::new(router.clone());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        routes.call(request.map(Body::new))
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
        drop(place);
    });
}
