//! A private container engine: podman with its own storage, on its own socket, which speaks Docker's language. Images are built from
//! files of this machine, as none can be fetched. Everything it made is gone at drop. Must be run by root.
//!
//! It needs `runc`, and limits that it does not have to raise: a test machine is often a container itself.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A static program that is a shell, `sleep` and most else.
const BUSYBOX: &str = "/bin/busybox";

/// What a script in a container may use of it.
const TOOLS: [&str; 14] =
    ["sh", "sleep", "httpd", "cat", "echo", "grep", "head", "kill", "mkdir", "rm", "sed", "test", "touch", "wget"];

const SETTINGS: &str = r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

#[derive(Debug)]
pub struct Engine {
    folder: TempDir,
    service: Child,
}

impl Engine {
    /// Starts it and waits until it answers. Panics with what it said when it does not.
    pub fn start() -> Engine {
        // A short path: podman refuses a long one, and so does the kernel for a socket.
        let folder = tempfile::Builder::new().prefix("rk-oci").tempdir().expect("a temporary directory");
        fs::write(folder.path().join("containers.conf"), SETTINGS).expect("the settings can be written");
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let socket = format!("unix://{}", folder.path().join("socket").display());
        let service = command(folder.path())
            .args(["system", "service", "--time", "0", &socket])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start podman: {error}; run scripts/setup"));
        let mut engine = Engine { folder, service };
        let answers = wait_until(START_TIMEOUT, || engine.ended() || UnixStream::connect(engine.socket()).is_ok());
        assert!(answers && !engine.ended(), "podman does not answer:\n{}", engine.log());
        engine
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What the engine said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Runs `podman` with these words on the engine's storage; what it prints. Panics when it fails.
    pub fn podman(&self, words: &[&str]) -> String {
        let output = command(self.folder.path()).args(words).output().expect("podman can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {} failed: {said}", words.join(" "));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// What a container said so far, and how it stands.
    pub fn logs(&self, container: &str) -> String {
        let said = |words: &[&str]| {
            let output = command(self.folder.path()).args(words).output().expect("podman can be run");
            let streams = [output.stdout, output.stderr];
            streams.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
        };
        said(&["logs", container]) + &said(&["ps", "--all"])
    }

    /// Builds an image `FROM scratch`. `files` are put into its root, each as the name given: `("app/run.sh", path)`; `lines` are more
    /// lines of its Containerfile.
    pub fn build(&self, image: &str, files: &[(&str, &Path)], lines: &[&str]) {
        let context = tempfile::tempdir_in(self.folder.path()).expect("a temporary directory");
        let root = context.path().join("root");
        fs::create_dir(&root).expect("the folder can be made");
        for (name, path) in files {
            let place = root.join(name);
            fs::create_dir_all(place.parent().expect("a file has a folder")).expect("the folder can be made");
            fs::copy(path, &place).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let text = format!("FROM scratch\nCOPY root /\n{}\n", lines.join("\n"));
        let recipe = context.path().join("Containerfile");
        fs::write(&recipe, text).expect("the Containerfile can be written");
        let (recipe, context) = (recipe.display().to_string(), context.path().display().to_string());
        self.podman(&["build", "--quiet", "--isolation", "chroot", "--tag", image, "--file", &recipe, &context]);
    }

    /// An image with nothing but busybox: `/bin/sh`, `/bin/sleep` and so on are it.
    pub fn build_busybox(&self, image: &str) {
        let names = ["bin/busybox", "bin/sh", "bin/sleep", "bin/httpd", "bin/cat"];
        let files: Vec<(&str, &Path)> = names.iter().map(|name| (*name, Path::new(BUSYBOX))).collect();
        self.build(image, &files, &["ENV PATH=/bin"]);
    }

    /// An image of PostgreSQL as it is on this machine, with busybox for a shell and a small web server. The files of Debian are taken
    /// where they lie, so that the same words start a server inside and outside.
    pub fn build_postgres(&self, image: &str, bin_dir: &Path) {
        let mut files = Vec::new();
        let home = bin_dir.parent().expect("programs lie in a folder");
        for folder in [bin_dir.to_owned(), home.join("lib"), share(bin_dir)] {
            files_below(&folder, &mut files);
        }
        let programs: Vec<PathBuf> = files.iter().filter(|file| is_program(file)).cloned().collect();
        files.extend(libraries(&programs));
        files.extend(
            [
                "/etc/passwd",
                "/etc/group",
                "/etc/nsswitch.conf",
                "/usr/share/zoneinfo/Etc/UTC",
                "/usr/share/zoneinfo/UTC",
            ]
            .map(PathBuf::from),
        );
        files.sort();
        files.dedup();
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let mut put: Vec<(&str, &Path)> =
            names.iter().map(|name| name.trim_start_matches('/')).zip(files.iter().map(PathBuf::as_path)).collect();
        let tools: Vec<String> = TOOLS.iter().map(|tool| format!("bin/{tool}")).collect();
        put.extend(tools.iter().map(|tool| (tool.as_str(), Path::new(BUSYBOX))));
        self.build(image, &put, &["ENV PATH=/bin"]);
    }

    /// The words that run `podman` on this engine, for a shell.
    pub fn shell_words(&self) -> String {
        let command = command(self.folder.path());
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let words = words.collect::<Vec<_>>().join(" ");
        let folder = self.folder.path().display();
        format!("env CONTAINERS_CONF={folder}/containers.conf TMPDIR={folder} podman {words}")
    }

    fn ended(&mut self) -> bool {
        !matches!(self.service.try_wait(), Ok(None))
    }
}

/// Where `pg_config` says that the shared files are, which Debian keeps elsewhere.
fn share(bin_dir: &Path) -> PathBuf {
    let home = bin_dir.parent().expect("programs lie in a folder");
    let debian = Path::new("/usr/share/postgresql").join(home.file_name().unwrap_or_default());
    if debian.exists() { debian } else { home.join("share") }
}

/// What just-in-time compilers need is left out: it is larger than the rest.
fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        let name = entry.file_name();
        match path.is_dir() {
            true if name != "bitcode" => files_below(&path, into),
            false if name != "llvmjit.so" => into.push(path),
            _ => {}
        }
    }
}

fn is_program(file: &Path) -> bool {
    let mut head = [0; 4];
    fs::File::open(file).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"\x7fELF"
}

/// What the loader takes with them, each where it is looked for.
fn libraries(programs: &[PathBuf]) -> Vec<PathBuf> {
    let output = Command::new("ldd").args(programs).output().expect("ldd can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    paths.filter(|path| !path.ends_with(':')).map(PathBuf::from).filter(|path| path.exists()).collect()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("podman");
    let place = |name: &str| folder.join(name).display().to_string();
    command
        .args(["--root", &place("storage"), "--runroot", &place("run"), "--tmpdir", &place("state")])
        .args(["--storage-driver", "overlay", "--log-level", "warn"])
        .env("CONTAINERS_CONF", place("containers.conf"))
        .env("TMPDIR", folder)
        .env_remove("CONTAINER_HOST")
        .current_dir(folder);
    command
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = command(self.folder.path()).args(["rm", "--all", "--force", "--time", "0"]).output();
        let _ = self.service.kill();
        let _ = self.service.wait();
        // Each podman that was there first mounts this folder onto itself.
        let mounted = self.folder.path().join("storage/overlay");
        while rustix::mount::unmount(&mounted, rustix::mount::UnmountFlags::DETACH).is_ok() {}
    }
}
