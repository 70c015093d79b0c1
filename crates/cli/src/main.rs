//! temp
#![allow(clippy::all, clippy::disallowed_methods, clippy::disallowed_macros)]
use control::*;
use std::path::PathBuf;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == "wal-fetch" {
        let (c, t) = wal_fetch(a[2].as_ref(), &a[3], &a[4]);
        if c != 0 { eprintln!("{t}"); }
        std::process::exit(c as i32);
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let host = Host::system("root".into(), "/root".into(), std::env::current_exe().unwrap(), std::env::vars().collect());
    let rt = tokio::runtime::Runtime::new().unwrap();
    let base = PathBuf::from(&a[2]);
    let r = rt.block_on(async {
        if a[1] == "init" {
            let ask = InitAsk { config: base.join("rk.toml"), vault: format!("file:{}", base.join("vault").display()), key_file: base.join("key"), data_folder: base.join("data"), socket: base.join("sock"), s3: S3Ask::default(), replace_config: false };
            init(&ask, &host).await.map(|d| println!("{d:?}"))
        } else {
            serve(&base.join("rk.toml"), host, async { let _ = tokio::signal::ctrl_c().await; }).await
        }
    });
    if let Err(e) = r { eprintln!("{}", serde_json::to_string_pretty(&e.body()).unwrap()); std::process::exit(1); }
}
