//! Units of a real systemd of our own.

use testkit::systemd::Manager;

use super::super::conformance::{World, holds, host};
use super::super::{Service, ServiceSpec};
use super::*;
use crate::driver::Driver;
use crate::host::Host;

const SLEEPS: &str = "[Service]\nExecStart=/bin/sleep 1000\n";

fn host_of(manager: &Manager) -> Host {
    host(&[("XDG_RUNTIME_DIR", &manager.runtime_folder().display().to_string())])
}

fn units(names: &[&str]) -> Systemd {
    let unit = Names(names.iter().map(|name| (*name).to_owned()).collect());
    Systemd { unit, user: true, timeout_seconds: 10 }
}

fn main_process(manager: &Manager, unit: &str) -> Option<String> {
    let id = manager.systemctl(&["show", "--property=MainPID", "--value", unit]);
    (id != "0").then_some(id)
}

#[tokio::test]
async fn it_holds_what_drivers_owe() {
    let manager = Manager::start(&[("web.service", SLEEPS), ("worker.service", SLEEPS)]);
    manager.systemctl(&["start", "web", "worker"]);
    let service = ServiceSpec::Systemd(units(&["web.service", "worker"]));
    let missing = ServiceSpec::Systemd(units(&["web.service", "ghost"]));
    let host = host_of(&manager);
    let runs = || {
        let ids: Vec<String> = ["web", "worker"].iter().filter_map(|unit| main_process(&manager, unit)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    };
    holds(&World { host: &host, service: &service, missing: &missing, missing_name: "ghost", runs: &runs }).await;
}

#[tokio::test]
async fn what_did_not_run_is_not_started() {
    let manager = Manager::start(&[("web.service", SLEEPS), ("worker.service", SLEEPS)]);
    manager.systemctl(&["start", "web"]);
    let (host, both) = (host_of(&manager), units(&["web", "worker"]));
    let Standing::Runs { was } = both.standing(&host).await.unwrap() else { panic!("one runs") };
    assert_eq!(was, serde_json::json!(["web"]));
    both.stop(&host).await.unwrap();
    both.start(&host, &was).await.unwrap();
    assert!(main_process(&manager, "web").is_some() && main_process(&manager, "worker").is_none());
    let changed = units(&["worker"]).start(&host, &was).await.unwrap_err();
    let hint = "the settings were changed in between: start by hand what ran";
    assert_eq!(changed, Trouble::refused("[\"web\"] ran, and the units are now worker").hint(hint));
}

#[tokio::test]
async fn what_cannot_be_moved_is_found_before() {
    let socket = "[Socket]\nListenStream=%t/web.listen\n";
    let manager = Manager::start(&[
        ("web.service", SLEEPS),
        ("web.socket", socket),
        ("broken.service", "[Service]\nType=what\n"),
    ]);
    manager.systemctl(&["start", "web.socket", "web.service"]);
    manager.mask("masked.service");
    let host = host_of(&manager);
    let found = units(&["web", "ghost", "masked", "broken"]).probe(&host).await;
    let expected = [
        Trouble::refused("unit web is started again by web.socket, which is active")
            .hint("put web.socket into `unit` too: it is stopped and started with it"),
        Trouble::refused("there is no unit ghost")
            .hint("is its name right? `systemctl list-unit-files` shows all; units of a user need user = true"),
        Trouble::refused("unit masked is masked: it cannot be started")
            .hint("`systemctl unmask masked`, or take it out of the settings"),
        Trouble::refused("unit broken cannot be loaded: bad-setting")
            .hint("`systemctl status broken` says what is wrong in its file"),
    ];
    assert_eq!(found, expected);
    assert_eq!(units(&["web", "web.socket"]).probe(&host).await, []);
}

#[tokio::test]
async fn one_that_fails_is_told_apart_from_one_that_takes_long() {
    let fails = "[Service]\nType=oneshot\nExecStart=/bin/false\n";
    let slow = "[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n";
    let over = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
    let manager = Manager::start(&[("fails.service", fails), ("slow.service", slow), ("over.service", over)]);
    let host = host_of(&manager);
    let failed = units(&["fails"]).start(&host, &Value::Null).await.unwrap_err();
    assert!(
        !failed.passes && failed.what.starts_with("`systemctl --no-ask-password --user start -- fails` ended with")
    );
    assert!(failed.what.contains("control process exited with error code"), "{failed:?}");
    assert_eq!(units(&["fails"]).standing(&host).await, Ok(Standing::Stopped), "failed is stopped");
    let over = Systemd { timeout_seconds: 3, ..units(&["over"]) };
    let trouble = over.start(&host, &Value::Null).await.unwrap_err();
    assert_eq!(
        trouble,
        Trouble::away("unit over is inactive (dead); 3 s are over")
            .hint("does it hang? timeout_seconds gives it longer"),
        "it ran, and does not run"
    );
    let late = Systemd { timeout_seconds: 1, ..units(&["slow"]) };
    let trouble = late.start(&host, &Value::Null).await.unwrap_err();
    assert_eq!(trouble.what, "systemctl took longer than 1 s, and was ended");
    assert!(matches!(late.standing(&host).await, Ok(Standing::Runs { .. })), "what is on its way up is not stopped");
    late.stop(&host).await.unwrap();
}

#[tokio::test]
async fn one_that_failed_too_often_can_be_started() {
    let flag = tempfile::tempdir().unwrap();
    let path = flag.path().join("database").display().to_string();
    let needs = format!(
        "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nType=exec\nRestart=always\nRestartSec=10ms\n\
         ExecStart=/bin/sh -c 'cat {path} && exec sleep 1000'\n"
    );
    let manager = Manager::start(&[("needs.service", &needs)]);
    let _ = manager.try_systemctl(&["start", "needs"]);
    let failed = || manager.try_systemctl(&["is-failed", "--quiet", "needs"]).status.success();
    assert!(testkit::postgres::wait_until(std::time::Duration::from_secs(10), failed), "it did not fail");
    std::fs::write(&path, "here").unwrap();
    assert!(!manager.try_systemctl(&["start", "needs"]).status.success(), "systemd itself refuses");
    units(&["needs"]).start(&host_of(&manager), &Value::Null).await.unwrap();
    assert!(main_process(&manager, "needs").is_some());
}

#[tokio::test]
async fn where_no_systemd_is_nothing_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&[("XDG_RUNTIME_DIR", &folder.path().display().to_string())]);
    let trouble = units(&["web"]).standing(&host).await.unwrap_err();
    assert!(trouble.what.ends_with("ended with exit code 1: Failed to connect to bus: No such file or directory"));
    let hint = "does the user's systemd run? `loginctl enable-linger USER` keeps it running";
    assert_eq!(trouble.hint.as_deref(), Some(hint));
    assert_eq!(units(&["web"]).probe(&host).await, [trouble]);
}

#[test]
fn what_systemctl_prints_is_read_or_refused() {
    let name = ["web".to_owned()];
    let text = "Result=success\nTriggeredBy=a.socket b.timer\nLoadState=loaded\nActiveState=deactivating\nSubState=stop-sigterm\n";
    let read = shown::units(text, &name).unwrap();
    assert!(read[0].runs() && read[0].active == Active::Between);
    assert_eq!(read[0].triggered_by, ["a.socket", "b.timer"]);
    assert_eq!(read[0].told(), "unit web is deactivating (stop-sigterm)");
    let refused = |text: &str| shown::units(text, &name).unwrap_err().what;
    assert_eq!(refused(""), "systemctl told of 0 units where 1 were asked for");
    assert_eq!(refused("ActiveState=odd\n"), "systemctl does not say how unit web stands: \"odd\"");
}
