//! A private systemd: a user's manager with units of its own, found through its own runtime folder. Must be run by root, as it is shut
//! into namespaces.
//!
//! ```text
//!   control group of its own, with nothing above it to be seen    systemd run by root moves all that is in "its" topmost group
//!     └─ /run of its own, which says "booted with systemd"        a manager refuses to run where this machine was not
//!          └─ systemd --user                                      talks through <folder>/run/systemd/private
//! ```
//! What it starts lives in that control group, is killed with it at drop, and nothing else is.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::postgres::wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(20);
const GROUPS: &str = "/sys/fs/cgroup";

/// The words are: its control group's list of processes, the place to mount control groups at, and how.
const SHUT_IN: &str = r#"echo $$ > "$1"
exec unshare --mount --cgroup sh -eu -c '
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir -p "$1"
mount $2 cgroup "$1"
exec /lib/systemd/systemd --user --log-target=console --log-level=notice' sh "$2" "$3""#;

/// What every manager wants to be there.
const TARGETS: [&str; 7] = ["default", "basic", "shutdown", "exit", "sockets", "timers", "paths"];

#[derive(Debug)]
pub struct Manager {
    folder: TempDir,
    group: PathBuf,
    process: Child,
}

impl Manager {
    /// Starts one with these units, `("web.service", text)`, and waits until it answers.
    pub fn start(units: &[(&str, &str)]) -> Manager {
        let folder = tempfile::Builder::new().prefix("rk-sd").tempdir().expect("a temporary directory");
        for name in ["run", "units"] {
            fs::create_dir(folder.path().join(name)).expect("the folder can be made");
        }
        let name = folder.path().file_name().expect("it has a name").to_owned();
        let (hierarchy, how) = match Path::new(GROUPS).join("systemd") {
            named if named.exists() => (named, "-t cgroup -o none,name=systemd"),
            _ => (PathBuf::from(GROUPS), "-t cgroup2"),
        };
        let group = hierarchy.join(name);
        fs::create_dir(&group).expect("a control group can be made: are you root?");
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let process = with(folder.path(), "sh")
            .args(["-eu", "-c", SHUT_IN, "sh"])
            .args([group.join("cgroup.procs"), hierarchy, how.into()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("sh can be run");
        let manager = Manager { folder, group, process };
        TARGETS.iter().for_each(|name| manager.write(&format!("{name}.target"), "[Unit]\nDefaultDependencies=no\n"));
        units.iter().for_each(|(name, text)| manager.write(name, text));
        let answers = wait_until(START_TIMEOUT, || manager.try_systemctl(&["daemon-reload"]).status.success());
        assert!(answers, "systemd does not answer:\n{}", manager.log());
        manager
    }

    /// What XDG_RUNTIME_DIR must be for `systemctl --user` to find it.
    pub fn runtime_folder(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// Writes one more unit, or another text for one.
    pub fn put(&self, name: &str, text: &str) {
        self.write(name, text);
        self.systemctl(&["daemon-reload"]);
    }

    /// Makes a unit one that cannot be started.
    pub fn mask(&self, name: &str) {
        let place = self.folder.path().join("units").join(name);
        std::os::unix::fs::symlink("/dev/null", place).expect("the link can be made");
        self.systemctl(&["daemon-reload"]);
    }

    /// What `systemctl --user` prints. Panics when it fails.
    pub fn systemctl(&self, words: &[&str]) -> String {
        let output = self.try_systemctl(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "systemctl {} failed: {said}\n{}", words.join(" "), self.log());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn try_systemctl(&self, words: &[&str]) -> Output {
        with(self.folder.path(), "systemctl").arg("--user").args(words).output().expect("systemctl can be run")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("units").join(name), text).expect("the unit can be written");
    }
}

fn with(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .env("SYSTEMD_UNIT_PATH", folder.join("units"))
        .env("LC_ALL", "C")
        .current_dir("/");
    command
}

/// The group and those in it, the deepest first.
fn groups(group: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> = below.filter(|path| path.is_dir()).flat_map(|path| groups(&path)).collect();
    all.push(group.to_owned());
    all
}

fn kill_all(group: &Path) {
    for group in groups(group) {
        let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        let ids = list.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw);
        ids.for_each(|id| {
            let _ = kill_process(id, Signal::KILL);
        });
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        wait_until(Duration::from_secs(5), || {
            kill_all(&self.group);
            groups(&self.group).iter().for_each(|group| drop(fs::remove_dir(group)));
            !self.group.exists()
        });
    }
}
