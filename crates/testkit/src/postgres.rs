//! A real, private PostgreSQL server in a directory of its own, killed and removed at drop.
//!
//! Everything here panics on failure with the server's own words: a test cannot go on without its server.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// The newest major that needs no download here.
const DEFAULT_MAJOR: u32 = 15;

/// How a server is asked to end, in the words of `pg_ctl stop -m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    Smart,
    Fast,
    Immediate,
}

impl StopMode {
    fn signal(self) -> Signal {
        match self {
            StopMode::Smart => Signal::TERM,
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        }
    }
}

/// Where the binaries of a major version are on this machine, if they are.
pub fn bin_dir(major: u32) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let candidates = [
        PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
        root.join(".cache/postgres").join(major.to_string()).join("bin"),
    ];
    candidates.into_iter().find(|dir| dir.join("postgres").exists()).and_then(|dir| dir.canonicalize().ok())
}

/// The majors that tests can run here; `scripts/fetch-postgres` adds to them.
pub fn majors() -> Vec<u32> {
    (13..=18).filter(|major| bin_dir(*major).is_some()).collect()
}

/// Those of them that have a program of their own; PostgreSQL 13 comes without most.
pub fn majors_with(program: &str) -> Vec<u32> {
    majors().into_iter().filter(|major| bin_dir(*major).is_some_and(|dir| dir.join(program).exists())).collect()
}

#[derive(Debug, Clone)]
pub struct Builder {
    major: u32,
    checksums: bool,
    wal_segment_bytes: Option<u64>,
    fsync: bool,
    settings: Vec<(String, String)>,
    hba: Vec<String>,
    initdb: Vec<String>,
}

impl Builder {
    pub fn major(mut self, major: u32) -> Builder {
        self.major = major;
        self
    }

    pub fn checksums(mut self, on: bool) -> Builder {
        self.checksums = on;
        self
    }

    /// Whole mebibytes, a power of two.
    pub fn wal_segment_bytes(mut self, bytes: u64) -> Builder {
        self.wal_segment_bytes = Some(bytes);
        self
    }

    /// Off unless asked for: tests do not outlive a power cut.
    pub fn fsync(mut self, on: bool) -> Builder {
        self.fsync = on;
        self
    }

    /// A line of `postgresql.conf`; a later one wins.
    pub fn setting(mut self, name: &str, value: &str) -> Builder {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// A line of `pg_hba.conf`. The first one given replaces the default, which trusts everybody from this machine;
    /// the superuser is always let in through the socket.
    pub fn hba(mut self, line: &str) -> Builder {
        self.hba.push(line.into());
        self
    }

    pub fn initdb_arg(mut self, arg: &str) -> Builder {
        self.initdb.push(arg.into());
        self
    }

    pub fn start(self) -> Server {
        let mut server = self.create();
        server.start();
        server
    }

    /// Makes the cluster without starting it.
    pub fn create(self) -> Server {
        let bin = bin_dir(self.major)
            .unwrap_or_else(|| panic!("no PostgreSQL {0} here: run scripts/fetch-postgres {0}", self.major));
        let owner = Owner::for_servers();
        let server = Server { bin, home: owner.new_home(), owner, major: self.major, port: 0, child: None };
        self.initdb(&server);
        self.configure(&server);
        server
    }

    fn initdb(&self, server: &Server) {
        let mut args = vec!["-D".to_string(), server.data_dir().display().to_string()];
        args.extend(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"].map(String::from));
        if self.checksums {
            args.push("--data-checksums".into());
        } else if self.major >= 18 {
            args.push("--no-data-checksums".into());
        }
        args.extend(self.wal_segment_bytes.map(|bytes| format!("--wal-segsize={}", bytes >> 20)));
        args.extend(self.initdb.iter().cloned());
        server.tool_ok("initdb", &args);
    }

    fn configure(&self, server: &Server) {
        let mut lines = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = {}\n\
             max_connections = 40\nshared_buffers = '16MB'\nlog_line_prefix = '%m [%p] '\n",
            server.socket_dir().display(),
            if self.fsync { "on" } else { "off" },
        );
        for (name, value) in &self.settings {
            lines.push_str(&setting_line(name, value));
        }
        append(&server.data_dir().join("postgresql.conf"), &lines);
        let hba = if self.hba.is_empty() { trust_everybody() } else { self.hba.clone() };
        let text = format!("local all postgres trust\n{}\n", hba.join("\n"));
        fs::write(server.data_dir().join("pg_hba.conf"), text).expect("pg_hba.conf can be written");
    }
}

fn trust_everybody() -> Vec<String> {
    ["local all all trust", "host all all 127.0.0.1/32 trust", "local replication all trust"]
        .into_iter()
        .chain(["host replication all 127.0.0.1/32 trust"])
        .map(String::from)
        .collect()
}

fn setting_line(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\'', "''"))
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("the file can be opened");
    file.write_all(text.as_bytes()).expect("the file can be written");
}

/// Who runs the servers: they refuse root, so root hands over to the user `postgres`.
#[derive(Debug, Clone, Copy)]
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn for_servers() -> Owner {
        if !rustix::process::geteuid().is_root() {
            return Owner(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let line = users.lines().find(|line| line.starts_with("postgres:")).expect("there is a user postgres");
        let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("a number in /etc/passwd"));
        Owner(fields.next().zip(fields.next()))
    }

    /// A directory for one server, which others may look into.
    fn new_home(self) -> tempfile::TempDir {
        let home = tempfile::Builder::new().prefix("rk-pg").tempdir().expect("a temporary directory");
        self.take(home.path());
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(home.path(), mode).expect("the directory takes a mode");
        home
    }

    fn take(self, path: &Path) {
        if let Some((uid, gid)) = self.0 {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("the directory can be handed over");
        }
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
        command
    }
}

#[derive(Debug)]
pub struct Server {
    bin: PathBuf,
    home: tempfile::TempDir,
    owner: Owner,
    major: u32,
    port: u16,
    child: Option<Child>,
}

impl Server {
    pub fn builder() -> Builder {
        Builder {
            major: DEFAULT_MAJOR,
            checksums: true,
            wal_segment_bytes: None,
            fsync: false,
            settings: Vec::new(),
            hba: Vec::new(),
            initdb: Vec::new(),
        }
    }

    pub fn major(&self) -> u32 {
        self.major
    }

    pub fn bin_dir(&self) -> &Path {
        &self.bin
    }

    /// The server's own directory; a test may put more beside the data directory (tablespaces, certificates).
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn socket_dir(&self) -> PathBuf {
        self.home.path().to_path_buf()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Over TCP, as the superuser.
    pub fn url(&self, db: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{db}", self.port)
    }

    pub fn socket_url(&self, db: &str) -> String {
        format!("postgres://postgres@/{db}?host={}&port={}", self.socket_dir().display(), self.port)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Another program may have taken the free port in between, so a few ports are tried.
    pub fn start(&mut self) {
        for _ in 0..5 {
            if self.port == 0 {
                self.port = crate::free_port();
            }
            if self.try_start() {
                return;
            }
            if !self.log().contains("could not create any TCP/IP sockets") {
                break;
            }
            self.port = 0;
        }
        panic!("the server does not start:\n{}", self.log());
    }

    fn try_start(&mut self) -> bool {
        let log = fs::File::create(self.home.path().join("log")).expect("the log can be made");
        let child = self
            .owner
            .command(&self.bin.join("postgres"))
            .args(["-D", &self.data_dir().display().to_string(), "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .expect("postgres can be run");
        let pid = child.id();
        self.child = Some(child);
        let ready = wait_until(START_TIMEOUT, || !self.is_running() || self.says_ready(pid));
        assert!(ready, "the server is not ready after {START_TIMEOUT:?}:\n{}", self.log());
        self.is_running()
    }

    /// Line 8 of `postmaster.pid` is the state (src/include/utils/pidfile.h).
    fn says_ready(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(pid.to_string().as_str())
            && matches!(lines.nth(6).map(str::trim), Some("ready" | "standby"))
    }

    pub fn stop(&mut self, mode: StopMode) {
        self.signal(mode.signal());
        self.wait_for_end();
    }

    /// As a crash: the postmaster is killed, and its children are waited for, which end by themselves.
    pub fn kill9(&mut self) {
        let Some(pid) = self.child.as_ref().map(Child::id) else { return };
        let children = children_of(pid);
        self.signal(Signal::KILL);
        self.wait_for_end();
        let gone = wait_until(STOP_TIMEOUT, || {
            children.iter().all(|child| !Path::new(&format!("/proc/{child}/exe")).exists())
        });
        assert!(gone, "children of the killed postmaster stay");
    }

    pub fn restart(&mut self) {
        self.stop(StopMode::Fast);
        self.start();
    }

    /// A hot standby of this server, started. Base backup and streaming go over TCP, without a slot.
    pub fn standby(&self) -> Server {
        let (bin, home) = (self.bin.clone(), self.owner.new_home());
        let mut standby = Server { bin, home, owner: self.owner, major: self.major, port: 0, child: None };
        let place = standby.data_dir().display().to_string();
        self.tool_ok("pg_basebackup", &["-D", &place, "-X", "stream", "-c", "fast", "-d", &self.url("postgres")]);
        // Not by -R: it writes what this pg_basebackup's libpq knows, and the server may load an older one.
        standby.set("primary_conninfo", &format!("host=127.0.0.1 port={} user=postgres", self.port));
        let signal = standby.data_dir().join("standby.signal");
        fs::write(&signal, "").expect("standby.signal can be written");
        self.owner.take(&signal);
        let socket = standby.socket_dir().display().to_string();
        standby.set("unix_socket_directories", &socket);
        standby.start();
        standby
    }

    /// Adds a line to `postgresql.conf`; takes effect at `reload` or `restart`.
    pub fn set(&self, name: &str, value: &str) {
        append(&self.data_dir().join("postgresql.conf"), &setting_line(name, value));
    }

    pub fn reload(&self) {
        self.sql("postgres", "select pg_reload_conf()");
    }

    /// Runs one or more statements with psql; cells of a row are parted by `|`.
    pub fn sql(&self, db: &str, text: &str) -> String {
        let output = self.try_sql(db, text);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql failed: {stderr}\nstatement: {text}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_string()
    }

    /// Each statement is a transaction of its own, unless the text begins one.
    pub fn try_sql(&self, db: &str, text: &str) -> Output {
        let socket = self.socket_dir().display().to_string();
        let port = self.port.to_string();
        let args = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &socket, "-p", &port];
        let mut child = self
            .owner
            .command(&self.bin.join("psql"))
            .args(args)
            .args(["-d", db, "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql can be run");
        let written = child.stdin.take().expect("its input is piped").write_all(text.as_bytes());
        let output = child.wait_with_output().expect("psql ends");
        assert!(written.is_ok() || !output.status.success(), "psql did not read the statement");
        output
    }

    /// Runs one of the server's own programs, as the user that runs the server.
    pub fn tool<S: AsRef<std::ffi::OsStr>>(&self, name: &str, args: &[S]) -> Output {
        self.owner
            .command(&self.bin.join(name))
            .args(args)
            .output()
            .unwrap_or_else(|e| panic!("cannot run {name}: {e}"))
    }

    /// Its output, where it must succeed.
    pub fn tool_ok<S: AsRef<std::ffi::OsStr>>(&self, name: &str, args: &[S]) -> String {
        let output = self.tool(name, args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} failed: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A new directory beside the data directory that belongs to the server's user.
    pub fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir(&path).expect("the directory can be made");
        self.owner.take(&path);
        path
    }

    /// Hands a file or directory over to the server's user.
    pub fn hand_over(&self, path: &Path) {
        self.owner.take(path);
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()));
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn wait_for_end(&mut self) {
        let ended = wait_until(STOP_TIMEOUT, || !self.is_running());
        assert!(ended, "the server does not stop:\n{}", self.log());
        self.child = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::QUIT);
            if !wait_until(Duration::from_secs(10), || !self.is_running()) {
                self.signal(Signal::KILL);
            }
        }
        if let Some(child) = self.child.as_mut() {
            let _ = child.wait();
        }
    }
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Polls a condition; false when it does not come true in time.
pub fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > timeout {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}
