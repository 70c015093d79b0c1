//! The HTTP API on the Unix socket. Who may open the socket may do everything: its mode is 0600. One file per resource.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::UnixListener;

use crate::daemon::Daemon;
use crate::error::{Error, Result};

mod instances;
mod operations;
mod sources;

fn router(daemon: Daemon) -> Router {
    let api = Router::new()
        .route("/status", get(operations::status))
        .route("/check", post(operations::check))
        .route("/operations", get(operations::list))
        .route("/operations/{id}", get(operations::show))
        .route("/operations/{id}/cancel", post(operations::cancel))
        .route("/sources", post(sources::protect))
        .route("/sources/{name}", get(sources::show).delete(sources::unprotect))
        .route("/sources/{name}/timeline", get(sources::timeline))
        .route("/sources/{name}/backups", post(sources::backup))
        .route("/sources/{name}/backups/{backup}/pin", post(sources::pin).delete(sources::unpin))
        .route("/sources/{name}/restores", post(sources::restore))
        .route("/sources/{name}/restores/plan", post(sources::plan))
        .route("/sources/{name}/clones", post(instances::clone))
        .route("/sources/{name}/peeks", post(instances::peek))
        .route("/sources/{name}/drills", post(instances::drill))
        .route("/sources/{name}/drills/{id}", get(instances::evidence))
        .route("/sources/{name}/extracts", post(instances::extract))
        .route("/instances", get(instances::list))
        .route("/instances/{name}", get(instances::show).delete(instances::remove))
        .route("/instances/{name}/start", post(instances::start))
        .route("/instances/{name}/stop", post(instances::stop))
        .route("/instances/{name}/reset", post(instances::reset))
        .route("/instances/{name}/detach", post(instances::detach))
        .route("/instances/{name}/keep", post(instances::keep))
        .route("/instances/{name}/hydration", post(instances::hydration))
        .route("/instances/{name}/sql", post(instances::sql))
        .route("/sources/{name}/expire", post(sources::expire));
    Router::new().nest("/api/v1", api).fallback(no_such_route).with_state(daemon)
}

async fn no_such_route(uri: axum::http::Uri) -> Response {
    Error::Unknown { what: "route", name: uri.path().to_owned() }.into_response()
}

pub(crate) async fn serve(daemon: &Daemon, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let socket = &daemon.config.socket;
    socket.parent().map_or(Ok(()), crate::init::make_folder)?;
    // The data folder's lock says that nobody else serves here, so a socket that is there is a dead one.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).map_err(|e| Error::file("listen at", socket, e))?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| Error::file("set the mode of", socket, e))?;
    tracing::info!(socket = %socket.display(), "listening");
    let served = axum::serve(listener, router(daemon.clone())).with_graceful_shutdown(shutdown).await;
    let _ = std::fs::remove_file(socket);
    served.map_err(|e| Error::file("serve", socket, e))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self.body())).into_response()
    }
}
