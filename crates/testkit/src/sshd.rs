//! A private SSH server on a loopback port, with keys of its own, killed and removed at drop. It lets in the user who runs the tests.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Where sshd locks its unprivileged half in; it refuses to start without.
const EMPTY_FOLDER: &str = "/run/sshd";

#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Server {
    /// `environment` is what every session there has.
    pub fn start(environment: &[(&str, &str)]) -> Server {
        let folder = tempfile::Builder::new().prefix("rk-ssh").tempdir().expect("a temporary directory");
        for name in ["host_key", "identity", "stranger"] {
            make_key(&folder.path().join(name));
        }
        let port = crate::free_port();
        write_settings(folder.path(), port, environment);
        let _ = fs::create_dir_all(EMPTY_FOLDER);
        let process = Command::new("/usr/sbin/sshd")
            .arg("-D")
            .arg("-f")
            .arg(folder.path().join("sshd_config"))
            .arg("-E")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start sshd: {error}; run scripts/setup"));
        let mut server = Server { folder, port, process };
        let answers = wait_until(START_TIMEOUT, || server.ended() || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(answers && !server.ended(), "sshd does not answer:\n{}", server.log());
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn identity_file(&self) -> PathBuf {
        self.folder.path().join("identity")
    }

    /// A key that is not let in.
    pub fn stranger_file(&self) -> PathBuf {
        self.folder.path().join("stranger")
    }

    pub fn known_hosts_file(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Nobody listens there any more.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap_or_else(|error| panic!("cannot run ssh-keygen: {error}; run scripts/setup"));
    assert!(made.success(), "ssh-keygen failed");
}

fn write_settings(folder: &Path, port: u16, environment: &[(&str, &str)]) {
    let place = |name: &str| folder.join(name).display().to_string();
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("the key was made");
    fs::write(folder.join("authorized_keys"), read("identity.pub")).expect("the file can be written");
    let known = format!("[127.0.0.1]:{port} {}", read("host_key.pub"));
    fs::write(folder.join("known_hosts"), known).expect("the file can be written");
    let mut text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLogLevel VERBOSE\n",
        place("host_key"),
        place("authorized_keys"),
    );
    let set: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !set.is_empty() {
        text.push_str(&format!("SetEnv {}\n", set.join(" ")));
    }
    fs::write(folder.join("sshd_config"), text).expect("the settings can be written");
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
