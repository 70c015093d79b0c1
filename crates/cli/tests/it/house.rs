//! A house to test in: a private cluster, a vault, the daemon, and the command line.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::postgres::{Server, wait_until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    daemon: Option<Child>,
    /// Put before the daemon's command: strace and what it is told.
    before: Vec<String>,
    variables: Vec<(String, String)>,
    vault: String,
    init_words: Vec<String>,
    /// The program; a copy where another user cannot reach the one that was built.
    program: PathBuf,
    /// Who runs everything, when not we.
    user: Option<(u32, u32)>,
}

impl House {
    /// A cluster, a folder vault and a daemon, the cluster protected as `shop`.
    pub(crate) fn new(server: Server) -> House {
        let mut house = House::bare(server);
        house.init();
        house.start_daemon();
        house.protect();
        house
    }

    /// Nothing but the cluster and an empty folder.
    pub(crate) fn bare(server: Server) -> House {
        let folder = tempfile::Builder::new().prefix("rekindle-it-").tempdir().unwrap();
        open_to_all(folder.path());
        let vault = format!("file:{}", folder.path().join("vault").display());
        let program = PathBuf::from(env!("CARGO_BIN_EXE_rekindle"));
        let (variables, init_words) = (vec![], vec![]);
        House { folder, server, daemon: None, before: vec![], variables, vault, init_words, program, user: None }
    }

    /// The same as `new`, its vault in a bucket.
    pub(crate) fn in_bucket(server: Server, s3: &testkit::s3::Server) -> House {
        let mut house = House::bare(server);
        house.on_s3(s3);
        house.init();
        house.start_daemon();
        house.protect();
        house
    }

    pub(crate) fn on_s3(&mut self, s3: &testkit::s3::Server) {
        self.vault = format!("s3://{}/house", s3.bucket());
        let words = ["--s3-endpoint", &s3.endpoint(), "--s3-region", "us-east-1", "--s3-path-style", "--s3-allow-http"];
        self.init_words = words.iter().map(|word| (*word).to_owned()).collect();
        self.variables.push(("AWS_ACCESS_KEY_ID".into(), s3.key_id().to_owned()));
        self.variables.push(("AWS_SECRET_ACCESS_KEY".into(), s3.secret().to_owned()));
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Everything from here on runs as the user that owns the cluster.
    pub(crate) fn run_as_owner(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(self.server.data_dir()).unwrap();
        self.program = self.path("rekindle");
        std::fs::copy(env!("CARGO_BIN_EXE_rekindle"), &self.program).unwrap();
        std::os::unix::fs::chown(self.folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
        self.user = Some((owner.uid(), owner.gid()));
    }

    fn as_user(&self, mut command: Command) -> Command {
        use std::os::unix::process::CommandExt;
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid).env("HOME", self.folder.path()).current_dir("/");
        }
        command
    }

    /// Runs a command that must succeed, with something typed into it.
    pub(crate) fn typed(&self, words: &[&str], input: &str) -> Value {
        use std::io::Write;
        let mut child =
            self.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    }

    pub(crate) fn in_vault(&mut self, vault: &str) {
        vault.clone_into(&mut self.vault);
    }

    /// Asks the daemon's API something that no command asks.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let answer = self.ask_with(method, path, "", body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        answer
    }

    /// The same with headers, each with its line's end, and whatever the answer is.
    pub(crate) fn ask_with(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(self.path("socket")).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: rekindle\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn vault(&self) -> &str {
        &self.vault
    }

    pub(crate) fn s3_words(&self) -> Vec<&str> {
        self.init_words.iter().map(String::as_str).collect()
    }

    pub(crate) fn init(&self) {
        let (key, data, socket) = (self.path("key"), self.path("data"), self.path("socket"));
        let mut words = vec!["init", "--vault", &self.vault, "--key-file", text(&key), "--data-folder", text(&data)];
        words.extend(["--socket", text(&socket)]);
        words.extend(self.s3_words());
        self.ok(&words);
        // Programs of other majors than Debian's lie in a folder of the tests.
        self.configure("server_programs = []", &format!("server_programs = [{:?}]", self.server.bin_dir()));
        // How full the disk of the tests is, is no matter of theirs.
        self.configure("free_percent = 10", "free_percent = 0");
    }

    /// Changes a line of the configuration.
    pub(crate) fn configure(&self, old: &str, new: &str) {
        let config = std::fs::read_to_string(self.path("rekindle.toml")).unwrap();
        assert!(config.contains(old), "{old} is not in {config}");
        std::fs::write(self.path("rekindle.toml"), config.replace(old, new)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        self.command_for_people(&[&["--json"], words].concat())
    }

    pub(crate) fn command_for_people(&self, words: &[&str]) -> Command {
        let mut command = self.as_user(Command::new(&self.program));
        command.arg("--config").arg(self.path("rekindle.toml")).args(words);
        command.envs(self.variables.iter().cloned()).env("RUST_BACKTRACE", "0");
        command
    }

    /// Runs a command: its exit code, and the JSON it printed, or the error's.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, Value) {
        let done = self.command(words).stdin(Stdio::null()).output().unwrap();
        let code = done.status.code().unwrap_or(-1);
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let error = String::from_utf8_lossy(&done.stderr).lines().last().map(|line| json(line.as_bytes()));
        match json(&done.stdout) {
            Value::Null => (code, error.unwrap_or(Value::Null)),
            value => (code, value),
        }
    }

    /// What a command that must succeed prints for people.
    pub(crate) fn prints(&self, words: &[&str]) -> String {
        let done = self.command_for_people(words).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Begins a command that runs beside.
    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        self.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn backups(&self) -> usize {
        self.ok(&["timeline", "shop"])["backups"].as_array().map_or(0, Vec::len)
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, words: &[&str]) -> Value {
        let (code, value) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {value:#}\n{}", self.log());
        value
    }

    /// Runs a command that must be refused; returns the error's code.
    pub(crate) fn refused(&self, words: &[&str]) -> (i32, String) {
        let (code, value) = self.run(words);
        assert_ne!(code, 0, "{words:?} was not refused: {value:#}");
        (code, value["code"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn under(&mut self, before: &[&str]) {
        self.before = before.iter().map(|word| (*word).to_owned()).collect();
    }

    pub(crate) fn start_daemon(&mut self) {
        let program = text(&self.program).to_owned();
        let words: Vec<String> = self.before.iter().cloned().chain([program]).collect();
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.as_user(Command::new(&words[0]));
        command.args(&words[1..]).arg("--config").arg(self.path("rekindle.toml")).arg("serve");
        command.envs(self.variables.iter().cloned()).env("RUST_BACKTRACE", "0");
        self.daemon = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        assert!(wait_until(PATIENCE, || self.run(&["status"]).0 <= 1), "the daemon does not answer\n{}", self.log());
    }

    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map(Child::id).unwrap()
    }

    /// It ended by itself.
    pub(crate) fn daemon_is_gone(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.daemon_pid())).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z') || rest.is_empty())
    }

    pub(crate) fn kill_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            daemon.wait().unwrap();
        }
    }

    /// Ends a daemon that runs under another program, which does not hand on what kills it.
    pub(crate) fn kill_traced_daemon(&mut self) {
        let tracer = self.daemon.as_ref().map(Child::id).unwrap();
        let children = std::fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            Command::new("kill").args(["-9", child]).status().unwrap();
        }
        self.kill_daemon();
        for child in children.split_whitespace() {
            let process = Path::new("/proc").join(child);
            assert!(wait_until(PATIENCE, || !process.exists()), "{child} does not die");
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn protect(&self) {
        let url = self.server.socket_url("postgres");
        self.ok(&["protect", &url, "--name", "shop"]);
        self.caught_up();
    }

    /// Waits until all log written so far is in the vault.
    pub(crate) fn caught_up(&self) {
        let position = self.server.sql(
            "postgres",
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END",
        );
        let durable = format!(
            "SELECT coalesce(bool_or(flush_lsn >= '{}'), false) FROM pg_stat_replication WHERE application_name = 'rekindle_shop'",
            position.trim()
        );
        let there = wait_until(PATIENCE, || self.server.sql("postgres", &durable).trim() == "t");
        assert!(there, "the log does not arrive\n{}", self.log());
    }

    /// Takes a backup beside, and does something as soon as it has begun. What the backup came to.
    pub(crate) fn during_a_backup(&self, act: impl FnOnce(&str)) -> (i32, Value) {
        std::thread::scope(|scope| {
            let running = scope.spawn(|| self.run(&["backup", "shop", "--full"]));
            let mut id = String::new();
            let begun = wait_until(PATIENCE, || {
                let status = self.run(&["status"]).1;
                id = status["operations"][0]["id"].as_str().unwrap_or_default().to_owned();
                status["operations"][0]["progress"]["bytes_done"].as_u64() > Some(0) || running.is_finished()
            });
            assert!(begun && !id.is_empty(), "no backup is seen to begin\n{}", self.log());
            act(&id);
            running.join().unwrap()
        })
    }

    /// What stands out of the only source: its kinds.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let status = self.run(&["status"]).1;
        let found = status["sources"][0]["conditions"].as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|condition| condition["kind"].as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn has_condition(&self, kind: &str) -> bool {
        wait_until(PATIENCE, || self.conditions().iter().any(|found| found == kind))
    }

    /// Restores into a new directory and returns the report.
    pub(crate) fn restore(&self, name: &str, words: &[&str]) -> Restored {
        let into = self.path(name);
        let mut all = vec!["restore", "shop", "--into", text(&into), "--yes"];
        all.extend(words);
        Restored::of(self.ok(&all), self.server.bin_dir())
    }

    pub(crate) fn vault_has(&self, object: &str) -> bool {
        self.path("vault").join(object).exists()
    }

    /// A test that failed leaves no mounts, and nobody who serves them or stands on them.
    fn end_what_is_open(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let folders = [text(self.folder.path()), text(self.server.home())];
        let below = |line: &str| {
            let at = line.split(' ').nth(4)?;
            folders.iter().any(|folder| at.starts_with(folder)).then(|| at.to_owned())
        };
        let mounts: Vec<String> = mounts.lines().filter_map(below).collect();
        if mounts.is_empty() {
            return;
        }
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let ours = folders.iter().any(|folder| words.contains(folder));
            let pid = process.file_name().to_string_lossy().into_owned();
            if ours && pid != std::process::id().to_string() {
                Command::new("kill").args(["-9", &pid]).status().unwrap();
            }
        }
        for mount in mounts {
            Command::new("umount").args(["-l", &mount]).status().unwrap();
        }
    }

    /// The vault is whole, every byte of it.
    pub(crate) fn is_sound(&self) {
        let report = self.ok(&["check", "--read-data"]);
        let errors: Vec<&Value> =
            report["findings"].as_array().unwrap().iter().filter(|f| f["severity"] == "error").collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill_daemon();
        self.end_what_is_open();
    }
}

/// A small seeded generator: the same seed kills at the same moments of a round.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A restored server; stopped at the end.
pub(crate) struct Restored {
    pub(crate) report: Value,
    programs: PathBuf,
}

impl Restored {
    pub(crate) fn of(report: Value, programs: &Path) -> Restored {
        Restored { report, programs: programs.to_owned() }
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.report["port"].as_u64().unwrap().to_string();
        let host = self.report["socket_folder"].as_str().unwrap();
        let done = Command::new(self.programs.join("psql"))
            .args([
                "-h",
                host,
                "-p",
                &port,
                "-U",
                "postgres",
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                database,
                "-c",
                sql,
            ])
            .output()
            .unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn stop(&self) {
        let into = Path::new(self.report["into"].as_str().unwrap());
        let pid = std::fs::read_to_string(into.join("postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            Command::new("kill").args(["-INT", pid]).status().unwrap();
            wait_until(PATIENCE, || !into.join("postmaster.pid").exists());
        }
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The majors to test: those asked for, or 15 and 18.
pub(crate) fn majors() -> Vec<u32> {
    let asked = std::env::var("REKINDLE_TEST_MAJORS").unwrap_or_else(|_| "15 18".into());
    asked.split_whitespace().map(|major| major.parse().unwrap()).collect()
}

pub(crate) fn server(major: u32) -> Server {
    Server::builder().major(major).fsync(true).start()
}
