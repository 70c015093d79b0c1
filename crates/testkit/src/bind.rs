//! A private BIND: one zone on a free port, which a TSIG key may change.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::wait_until;

/// Of the TSIG key `planted-key`, which may change the zone.
pub const KEY: &str = "cGxhbnRlZC1wbGFudGVkLXBsYW50ZWQtcGxhbnRlZCE=";
/// Of the TSIG key `weak`, which may not.
pub const OTHER: &str = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q=";

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A free port is sometimes taken before the server has it.
const TRIES: usize = 5;

/// A server in a folder of its own, which ends with the test.
#[derive(Debug)]
pub struct Bind {
    folder: TempDir,
    zone: String,
    port: u16,
    child: Child,
}

impl Bind {
    /// `records` are lines of the zone's file; `policy` stands before the rule that lets the key change everything.
    pub fn start(zone: &str, records: &str, policy: &str) -> Bind {
        for _ in 0..TRIES {
            if let Some(bind) = Bind::try_start(zone, records, policy) {
                return bind;
            }
        }
        panic!("named does not start: is bind9 installed? scripts/setup does it");
    }

    fn try_start(zone: &str, records: &str, policy: &str) -> Option<Bind> {
        let (folder, port) = (tempfile::tempdir().expect("a temporary directory"), crate::free_port());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let head = "$TTL 60\n@ IN SOA ns root 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n";
        fs::write(at("zone"), format!("{head}{records}")).expect("the zone can be written");
        let settings = format!(
            "options {{ directory \"{0}\"; pid-file none; session-keyfile \"{0}/session\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             recursion no; notify no; }};\ncontrols {{ }};\n\
             key \"planted-key\" {{ algorithm hmac-sha256; secret \"{KEY}\"; }};\nkey \"weak\" {{ algorithm hmac-sha256; secret \"{OTHER}\"; }};\n\
             zone \"{zone}\" {{ type primary; file \"{0}/zone\"; update-policy {{ {policy} grant planted-key zonesub ANY; }}; }};\n",
            folder.path().display()
        );
        fs::write(at("named.conf"), settings).expect("the settings can be written");
        let log = fs::File::create(at("log")).expect("a log file");
        let program = if Path::new("/usr/sbin/named").exists() { "/usr/sbin/named" } else { "named" };
        let child = Command::new(program)
            .args(["-g", "-c", &at("named.conf"), "-n", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("named can be run: scripts/setup installs it");
        let mut bind = Bind { folder, zone: zone.to_owned(), port, child };
        let running = || bind.log().contains(" running\n") || matches!(bind.child.try_wait(), Ok(Some(_)));
        assert!(wait_until(START_TIMEOUT, running), "{}", bind.log());
        matches!(bind.child.try_wait(), Ok(None)).then_some(bind)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What `dig +short` prints.
    pub fn dig(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let mut dig = Command::new("dig");
        let output = dig.args(["@127.0.0.1", "-p", &port, "+tcp", "+short"]).args(words).output();
        String::from_utf8_lossy(&output.expect("dig can be run").stdout).into_owned()
    }

    /// Changes the zone: lines of `nsupdate`.
    pub fn nsupdate(&self, lines: &str) {
        let key = format!("hmac-sha256:planted-key:{KEY}");
        let mut nsupdate = Command::new("nsupdate");
        let mut child = nsupdate.args(["-v", "-y", &key]).stdin(Stdio::piped()).spawn().expect("nsupdate can be run");
        let text = format!("server 127.0.0.1 {}\nzone {}\n{lines}\nsend\n", self.port, self.zone);
        child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "nsupdate {lines}");
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
