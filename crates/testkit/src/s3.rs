//! A private S3 server (ministack, from `scripts/setup`'s virtual environment) on a loopback port, killed when dropped. Must not
//! know what is stored in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const KEY_ID: &str = "rekindle-test-key";
const SECRET: &str = "rekindle-test-secret";
const BUCKET: &str = "rekindle-test";

/// A running server with one empty bucket.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
    directory: TempDir,
}

impl Server {
    /// Starts a server and waits until it has made the bucket. Panics with the server's log when it does not.
    pub async fn start() -> Server {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let port = crate::free_port();
        let log = File::create(directory.path().join("log")).expect("a log file");
        let process = Command::new(program())
            .env("BIND_HOST", "127.0.0.1")
            .env("AUTH", "true")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", "s3")
            .env("LOG_LEVEL", "WARNING")
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("TMPDIR", directory.path())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}; run scripts/setup", program().display()));
        let mut server = Server { process, port, directory };
        server.wait_for_bucket().await;
        server
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    pub fn key_id(&self) -> &'static str {
        KEY_ID
    }

    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// What the server said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Making the bucket is the question whether it answers: it succeeds once and is harmless before.
    async fn wait_for_bucket(&mut self) {
        let begun = Instant::now();
        loop {
            let said = self.make_bucket().await;
            if said == "200" {
                return;
            }
            let ended = self.process.try_wait().expect("the server's state");
            if ended.is_some() || begun.elapsed() > START_TIMEOUT {
                panic!("ministack is not ready: answered {said:?}, ended {ended:?}, log:\n{}", self.log());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The HTTP status, or nothing. curl signs requests, so that the test kit needs no client of its own.
    async fn make_bucket(&self) -> String {
        let output = tokio::process::Command::new("curl")
            .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--request", "PUT"])
            .args(["--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &format!("{KEY_ID}:{SECRET}")])
            .arg(format!("{}/{BUCKET}", self.endpoint()))
            .output()
            .await
            .expect("curl runs; run scripts/setup");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/ministack")
}
