//! The daemon as it is, over servers that do not exist: `fleet CONFIG`, for `bench/control.py`. Ends on SIGTERM.
#![allow(clippy::disallowed_methods, reason = "a program for the bench")]

use std::collections::BTreeMap;
use std::path::Path;

use control::{Host, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = std::env::args().nth(1).ok_or("fleet CONFIG")?;
    let host = Host::system("root".into(), "/root".into(), std::env::current_exe()?, BTreeMap::new());
    let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    serve(Path::new(&config), host, async move {
        let _ = ended.recv().await;
    })
    .await?;
    Ok(())
}
