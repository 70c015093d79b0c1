//! A service that a script starts as an init script does: in the background, known by its process id.

use std::path::Path;

use super::super::conformance::{World, holds, host};
use super::super::{Service, ServiceSpec};
use super::*;
use crate::driver::Driver;

/// Its words are the folder and what to do.
const SCRIPT: &str = r#"#!/bin/sh
pid="$1/pid"
runs() { [ -s "$pid" ] && [ -d "/proc/$(cat "$pid")" ]; }
case "$2" in
    start) setsid sleep 1000 & echo $! > "$pid" ;;
    stop) kill "$(cat "$pid")"; while runs; do sleep 0.05; done; rm "$pid" ;;
    status) runs || exit 3 ;;
    lie) echo "all done" ;;
    broken) echo "no such tenant" >&2; exit 4 ;;
    slow) sleep 60 ;;
    *) echo "what?" >&2; exit 2 ;;
esac
"#;

struct Daemon {
    folder: tempfile::TempDir,
}

impl Daemon {
    fn new() -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("control");
        std::fs::write(&script, SCRIPT).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Daemon { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn words(&self, verb: &str) -> Vec<String> {
        let path = self.path().display();
        vec![format!("{path}/control"), path.to_string(), verb.to_owned()]
    }

    fn command(&self) -> Command {
        let [start, stop, status] = ["start", "stop", "status"].map(|verb| self.words(verb));
        Command { start, stop, status, stopped_codes: stopped_codes(), timeout_seconds: 10 }
    }

    fn runs(&self) -> Option<String> {
        let id = std::fs::read_to_string(self.path().join("pid")).ok()?.trim().to_owned();
        Path::new("/proc").join(&id).exists().then_some(id)
    }

    /// What is told of it, without where it lies.
    fn told(&self, trouble: Trouble) -> (String, Option<String>, bool) {
        let clean = |text: String| text.replace(&self.path().display().to_string(), "DIR");
        (clean(trouble.what), trouble.hint.map(clean), trouble.passes)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let id = self.runs().and_then(|id| id.parse().ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
    }
}

#[tokio::test]
async fn it_holds_what_drivers_owe() {
    let (daemon, host) = (Daemon::new(), host(&[]));
    let command = daemon.command();
    command.start(&host, &Value::Null).await.unwrap();
    let nowhere = |verb: &str| vec!["/nowhere/control".to_owned(), verb.to_owned()];
    let missing =
        Command { start: nowhere("start"), stop: nowhere("stop"), status: nowhere("status"), ..command.clone() };
    let (service, missing) = (ServiceSpec::Command(command), ServiceSpec::Command(missing));
    let world = World {
        host: &host,
        service: &service,
        missing: &missing,
        missing_name: "/nowhere/control",
        runs: &|| daemon.runs(),
    };
    holds(&world).await;
}

#[tokio::test]
async fn what_is_unclear_is_not_stopped() {
    let (daemon, host) = (Daemon::new(), host(&[]));
    let unclear = Command { status: daemon.words("broken"), ..daemon.command() };
    let expected = (
        "`DIR/control DIR broken` does not say how it stands: it ended with exit code 4: no such tenant".to_owned(),
        Some("0 means that it runs, and [1, 3] that it is stopped".to_owned()),
        false,
    );
    assert_eq!(daemon.told(unclear.standing(&host).await.unwrap_err()), expected);
    assert_eq!(daemon.told(unclear.stop(&host).await.unwrap_err()), expected);
    let probed = unclear.probe(&host).await.pop().unwrap();
    assert_eq!(daemon.told(probed), expected);
}

#[tokio::test]
async fn a_stop_that_fails_or_does_nothing_is_told() {
    let (daemon, host) = (Daemon::new(), host(&[]));
    daemon.command().start(&host, &Value::Null).await.unwrap();
    let failing = Command { stop: daemon.words("broken"), ..daemon.command() };
    let failed = daemon.told(failing.stop(&host).await.unwrap_err());
    let hint = "run it by hand as the same user; what it did is looked at when this is tried again";
    let what = "`DIR/control DIR broken` ended with exit code 4: no such tenant";
    assert_eq!(failed, (what.to_owned(), Some(hint.to_owned()), false));
    let lying = Command { stop: daemon.words("lie"), timeout_seconds: 3, ..daemon.command() };
    let lied = daemon.told(lying.stop(&host).await.unwrap_err());
    let what = "`DIR/control DIR lie` ended well, and it still runs; 3 s are over";
    let hint = "does it hang? timeout_seconds gives it longer";
    assert_eq!(lied, (what.to_owned(), Some(hint.to_owned()), true));
    assert!(daemon.runs().is_some());
}

#[tokio::test]
async fn a_start_that_does_nothing_is_told() {
    let (daemon, host) = (Daemon::new(), host(&[]));
    let lying = Command { start: daemon.words("lie"), timeout_seconds: 3, ..daemon.command() };
    let (what, _, passes) = daemon.told(lying.start(&host, &Value::Null).await.unwrap_err());
    assert_eq!((what.as_str(), passes), ("`DIR/control DIR lie` ended well, and it does not run; 3 s are over", true));
}

#[tokio::test]
async fn who_takes_too_long_is_not_waited_for() {
    let (daemon, host, begun) = (Daemon::new(), host(&[]), tokio::time::Instant::now());
    let slow = Command { status: daemon.words("slow"), timeout_seconds: 1, ..daemon.command() };
    let (what, _, passes) = daemon.told(slow.standing(&host).await.unwrap_err());
    assert_eq!((what.as_str(), passes), ("DIR/control took longer than 1 s, and was ended", true));
    assert!(begun.elapsed().as_secs() < 10);
}
