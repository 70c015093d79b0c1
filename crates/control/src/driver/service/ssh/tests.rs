//! A real sshd of our own, and behind it a real systemd and programs of the house.

use testkit::sshd::Server;
use testkit::systemd::Manager;

use super::super::ServiceSpec;
use super::super::conformance::{World, holds, host};
use super::super::settings::Names;
use super::*;

fn ssh(server: &Server, service: There) -> Ssh {
    Ssh {
        host: "127.0.0.1".to_owned(),
        user: None,
        port: Some(server.port()),
        identity_file: Some(server.identity_file()),
        known_hosts_file: Some(server.known_hosts_file()),
        service,
    }
}

fn unit(name: &str) -> There {
    There::Systemd(Systemd { unit: Names(vec![name.to_owned()]), user: true, timeout_seconds: 20 })
}

/// A service that is a file: it runs while the file is there. Its name is one that a shell would take apart.
fn file(path: &std::path::Path) -> There {
    let words =
        |words: &[&str]| words.iter().map(|word| (*word).to_owned()).chain([path.display().to_string()]).collect();
    There::Command(Command {
        start: words(&["touch", "--"]),
        stop: words(&["rm", "--"]),
        status: words(&["test", "-e"]),
        stopped_codes: vec![1],
        timeout_seconds: 20,
    })
}

#[tokio::test]
async fn units_there_hold_what_drivers_owe() {
    let manager = Manager::start(&[("web.service", "[Service]\nExecStart=/bin/sleep 1000\n")]);
    manager.systemctl(&["start", "web"]);
    let server = Server::start(&[("XDG_RUNTIME_DIR", &manager.runtime_folder().display().to_string())]);
    let runs = || {
        let id = manager.systemctl(&["show", "--property=MainPID", "--value", "web"]);
        (id != "0").then_some(id)
    };
    let (service, missing) =
        (ServiceSpec::Ssh(ssh(&server, unit("web"))), ServiceSpec::Ssh(ssh(&server, unit("ghost"))));
    let host = host(&[]);
    holds(&World { host: &host, service: &service, missing: &missing, missing_name: "ghost", runs: &runs }).await;
    let trouble = missing.driver().stop(&host).await.unwrap_err();
    assert_eq!(trouble.what, "on 127.0.0.1: there is no unit ghost");
    assert_eq!(service.driver().what(), "systemd user unit web on 127.0.0.1");
}

#[tokio::test]
async fn programs_there_hold_what_drivers_owe_and_words_stay_words() {
    let (server, folder, host) = (Server::start(&[]), tempfile::tempdir().unwrap(), host(&[]));
    let path = folder.path().join("it's; touch \"$HOME\" `a`\\ *");
    std::fs::write(&path, "").unwrap();
    let There::Command(fine) = file(&path) else { panic!("a command") };
    let missing =
        Command { start: vec!["/nowhere/start".to_owned()], status: vec!["/nowhere/status".to_owned()], ..fine };
    let service = ServiceSpec::Ssh(ssh(&server, file(&path)));
    let missing = ServiceSpec::Ssh(ssh(&server, There::Command(missing)));
    let runs = || path.exists().then(|| "it runs".to_owned());
    holds(&World { host: &host, service: &service, missing: &missing, missing_name: "/nowhere/", runs: &runs }).await;
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "words were taken apart: {left:?}");
}

#[tokio::test]
async fn who_is_not_known_is_not_talked_to() {
    let (server, folder, host) = (Server::start(&[]), tempfile::tempdir().unwrap(), host(&[]));
    let path = folder.path().join("service");
    let nobody = folder.path().join("known_hosts");
    std::fs::write(&nobody, "").unwrap();
    let unknown = Ssh { known_hosts_file: Some(nobody.clone()), ..ssh(&server, file(&path)) };
    let trouble = unknown.standing(&host).await.unwrap_err();
    let begins = "on 127.0.0.1: ssh did not get through: ";
    assert!(!trouble.passes && trouble.what.starts_with(begins), "{trouble:?}");
    assert!(trouble.what.ends_with("Host key verification failed."), "{trouble:?}");
    assert!(trouble.hint.unwrap().starts_with("look at its key"));
    assert_eq!(std::fs::read_to_string(&nobody).unwrap(), "", "it was learned in silence");
}

#[tokio::test]
async fn who_may_not_in_is_told() {
    let (server, folder, host) = (Server::start(&[]), tempfile::tempdir().unwrap(), host(&[]));
    let path = folder.path().join("service");
    let stranger = Ssh { identity_file: Some(server.stranger_file()), ..ssh(&server, file(&path)) };
    let troubles = stranger.probe(&host).await;
    assert_eq!(troubles.len(), 1, "said once: {troubles:?}");
    assert!(!troubles[0].passes && troubles[0].what.contains("Permission denied (publickey)"), "{troubles:?}");
    assert!(stranger.stop(&host).await.is_err() && stranger.start(&host, &Value::Null).await.is_err());
    let keyless = Ssh { identity_file: Some("/nowhere/key".into()), ..ssh(&server, file(&path)) };
    let first = keyless.probe(&host).await.remove(0);
    let what = "on 127.0.0.1: /nowhere/key cannot be read: No such file or directory (os error 2)";
    assert_eq!(first, Trouble::refused(what).hint("it is read by the user that runs Rekindle"));
}

#[tokio::test]
async fn a_host_that_is_down_may_come_back() {
    let (mut server, folder, host) = (Server::start(&[]), tempfile::tempdir().unwrap(), host(&[]));
    let service = ssh(&server, file(&folder.path().join("service")));
    let port = server.port();
    server.stop();
    let trouble = service.standing(&host).await.unwrap_err();
    let what = format!(
        "on 127.0.0.1: ssh did not get through: ssh: connect to host 127.0.0.1 port {port}: Connection refused"
    );
    let hint = "is the host up, is its name right, and does sshd listen there?";
    assert_eq!(trouble, Trouble::away(what).hint(hint));
}

#[test]
fn a_word_is_one_word_there() {
    assert_eq!(quoted("a b"), "'a b'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
}
