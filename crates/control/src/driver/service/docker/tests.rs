//! Containers of a real podman of our own.

use serde_json::json;
use testkit::podman::Engine as Podman;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::ServiceSpec;
use super::super::conformance::{World, holds, host};
use super::*;

const IMAGE: &str = "localhost/busybox";
/// Ends when it is asked to.
const SERVE: [&str; 3] = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"];

fn podman() -> Podman {
    let podman = Podman::start();
    podman.build_busybox(IMAGE);
    podman
}

fn run(podman: &Podman, name: &str, options: &[&str]) {
    let fixed = ["run", "--detach", "--network", "none", "--name", name];
    podman.podman(&[&fixed, options, &[IMAGE], &SERVE].concat());
}

fn docker(podman: &Podman, which: &str) -> Docker {
    let text = format!("{which}\nsocket = {:?}\ngrace_seconds = 5\ntimeout_seconds = 60", podman.socket());
    toml::from_str(&text).unwrap()
}

/// The processes of all that run.
fn runs(podman: &Podman, names: &[&str]) -> Option<String> {
    let format = "{{if .State.Running}}{{.State.Pid}}{{end}}";
    let ids = podman.podman(&[&["inspect", "--format", format], names].concat());
    Some(ids.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|ids| !ids.is_empty())
}

#[tokio::test]
async fn it_holds_what_drivers_owe() {
    let (podman, host) = (podman(), host(&[]));
    run(&podman, "web", &["--label", "com.docker.compose.project=shop", "--restart", "always"]);
    run(&podman, "worker", &["--label", "com.docker.compose.project=shop"]);
    run(&podman, "other", &[]);
    let other = runs(&podman, &["other"]);
    let ways = [
        ("container = [\"web\", \"worker\"]", "container = [\"web\", \"ghost\"]", "ghost"),
        ("project = \"shop\"", "project = \"ghost\"", "ghost"),
    ];
    for (there, missing, missing_name) in ways {
        let service = ServiceSpec::Docker(docker(&podman, there));
        let missing = ServiceSpec::Docker(docker(&podman, missing));
        let runs = || runs(&podman, &["web", "worker"]);
        holds(&World { host: &host, service: &service, missing: &missing, missing_name, runs: &runs }).await;
    }
    assert_eq!(runs(&podman, &["other"]), other, "another container was touched");
}

#[tokio::test]
async fn exactly_what_ran_is_started() {
    let (podman, host) = (podman(), host(&[]));
    run(&podman, "web", &["--label", "tenant=one"]);
    run(&podman, "idle", &["--label", "tenant=one"]);
    run(&podman, "migrate", &["--label", "tenant=one", "--label", "com.docker.compose.oneoff=True"]);
    podman.podman(&["stop", "idle", "migrate"]);
    let tenant = docker(&podman, "label = \"tenant=one\"");
    let Standing::Runs { was } = tenant.standing(&host).await.unwrap() else { panic!("one runs") };
    assert_eq!(was, json!(["web"]));
    tenant.stop(&host).await.unwrap();
    tenant.start(&host, &was).await.unwrap();
    assert!(runs(&podman, &["web"]).is_some() && runs(&podman, &["idle", "migrate"]).is_none());
    tenant.start(&host, &Value::Null).await.unwrap();
    assert!(runs(&podman, &["idle"]).is_some(), "all that match");
    assert!(runs(&podman, &["migrate"]).is_none(), "but for what was for a moment");
    podman.podman(&["rm", "--force", "--time", "0", "web"]);
    let gone = tenant.start(&host, &was).await.unwrap_err();
    let hint = "make it again as it was, and retry; nothing else was started";
    assert_eq!(gone, Trouble::refused("container web ran, and is gone").hint(hint));
}

/// Of twelve tenants, five find their database by a name: in their environment, in a file, or in a folder that is mounted.
#[tokio::test]
async fn those_that_name_a_database_are_found_by_it() {
    let (podman, host) = (podman(), host(&[]));
    let folder = tempfile::tempdir().unwrap();
    let (file, config) = (folder.path().join("app.env"), folder.path().join("config"));
    std::fs::write(&file, "DB=postgres://app@db-eu.example:5432/app\n").unwrap();
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("db.yaml"), "host: db-eu.example\n").unwrap();
    let (mounted_file, mounted) =
        (format!("{}:/app.env:ro", file.display()), format!("{}:/config:ro", config.display()));
    let ties: [&[&str]; 5] = [
        &["--env", "DB_HOST=db-eu.example"],
        &["--env", "DB=postgres://app@db-eu.example/app"],
        &["--volume", &mounted_file],
        &["--volume", &mounted],
        &["--env", "HOSTS=db-us.example,db-eu.example"],
    ];
    for (number, tie) in ties.iter().enumerate() {
        run(&podman, &format!("tied{number}"), tie);
    }
    for number in 0..7 {
        // Neither another database, nor one whose name only begins or ends alike.
        let other = ["db-us.example", "db-eu.example.org", "old-db-eu.example"][number % 3];
        run(&podman, &format!("other{number}"), &["--env", &format!("DB_HOST={other}")]);
    }
    let tied = docker(&podman, "naming = \"db-eu.example\"");
    let Standing::Runs { was } = tied.standing(&host).await.unwrap() else { panic!("five run") };
    assert_eq!(was, json!(["tied0", "tied1", "tied2", "tied3", "tied4"]));
    let others: Vec<String> = (0..7).map(|number| format!("other{number}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let before = runs(&podman, &others);
    tied.stop(&host).await.unwrap();
    assert_eq!(tied.standing(&host).await.unwrap(), Standing::Stopped);
    // While they are stopped, what they are configured with changes.
    std::fs::write(&file, "DB=postgres://app@db-new.example:5432/app\n").unwrap();
    tied.start(&host, &was).await.unwrap();
    assert!(runs(&podman, &["tied2"]).is_some(), "exactly those that ran");
    assert_eq!(runs(&podman, &others), before, "another container was touched");
    let none = docker(&podman, "naming = \"db-nowhere.example\"").standing(&host).await.unwrap_err();
    assert_eq!(none.what, "no container names db-nowhere.example, running or not");
}

#[tokio::test]
async fn a_stopped_one_stays_stopped_under_every_policy() {
    let (podman, host) = (podman(), host(&[]));
    let policies = ["no", "always", "unless-stopped", "on-failure"];
    // It does not end by itself: it is killed, which an engine could take for a failure.
    for policy in policies {
        let fixed = ["run", "--detach", "--network", "none", "--label", "group=all", "--restart", policy];
        podman.podman(&[&fixed[..], &["--name", policy, IMAGE, "sleep", "1000"]].concat());
    }
    let mut all = docker(&podman, "label = \"group=all\"");
    all.grace_seconds = 1;
    all.stop(&host).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!((runs(&podman, &policies), all.standing(&host).await), (None, Ok(Standing::Stopped)));
}

#[tokio::test]
async fn what_would_not_stay_or_not_come_back_is_found_before() {
    let (podman, host) = (podman(), host(&[]));
    run(&podman, "passing", &["--rm", "--label", "group=odd"]);
    run(&podman, "swarmed", &["--label", "com.docker.swarm.service.name=web", "--label", "group=odd"]);
    run(&podman, "held", &["--label", "PODMAN_SYSTEMD_UNIT=web.service", "--label", "group=odd"]);
    let odd = docker(&podman, "label = \"group=odd\"");
    let expected = [
        Trouble::refused("container passing was made with --rm: stopping it removes it")
            .hint("make it again without --rm"),
        Trouble::refused("container swarmed belongs to the swarm service web, which starts another in its place")
            .hint("use the command driver with `docker service scale`"),
        Trouble::refused("container held is held by the systemd unit web.service, which starts it again")
            .hint("use the systemd driver with unit = \"web.service\""),
    ];
    assert_eq!(odd.probe(&host).await, expected);
    assert_eq!(odd.stop(&host).await.unwrap_err(), expected[0]);
    assert_eq!(podman.podman(&["ps", "--quiet"]).lines().count(), 3, "one was stopped all the same");
}

#[tokio::test]
async fn one_that_cannot_be_started_is_told_in_the_engines_words() {
    let (podman, host) = (podman(), host(&[]));
    podman.podman(&["create", "--network", "none", "--name", "short", IMAGE, "/nowhere"]);
    let short = docker(&podman, "container = \"short\"");
    assert_eq!(short.standing(&host).await, Ok(Standing::Stopped));
    let trouble = short.start(&host, &Value::Null).await.unwrap_err();
    assert!(trouble.what.starts_with("the engine said 500 of container short: "), "{trouble:?}");
    assert!(trouble.what.contains("/nowhere"), "{trouble:?}");
    assert_eq!(trouble.hint.as_deref(), Some("`docker inspect short` and `docker logs short` say more"));
}

#[test]
fn one_that_ended_is_told_with_its_code() {
    let of = |state: Value| Container::of(serde_json::from_value(json!({ "Name": "/short", "State": state })).unwrap());
    let over = of(json!({ "Status": "exited", "ExitCode": 7 })).unwrap();
    assert_eq!(
        (over.told().as_str(), over.is_over(), over.runs()),
        ("container short is exited with code 7", true, false)
    );
    let between = of(json!({ "Status": "restarting" })).unwrap();
    assert!(between.runs() && !between.serves(), "what is between is not stopped");
    let unclear = of(json!({})).unwrap_err();
    assert_eq!(unclear.what, "the engine does not say how container short stands: \"\"");
}

#[tokio::test]
async fn the_beginning_of_an_id_is_no_name() {
    let (podman, host) = (podman(), host(&[]));
    run(&podman, "web", &[]);
    let id = podman.podman(&["inspect", "--format", "{{.Id}}", "web"]);
    let by_id = docker(&podman, &format!("container = {:?}", &id[..12]));
    let trouble = by_id.stop(&host).await.unwrap_err();
    assert_eq!(trouble.what, format!("there is no container {}", &id[..12]));
    assert!(runs(&podman, &["web"]).is_some());
}

#[tokio::test]
async fn an_engine_that_is_away_may_come_back() {
    let podman = Podman::start();
    let web = docker(&podman, "container = \"web\"");
    let socket = podman.socket().display().to_string();
    drop(podman);
    let gone = web.standing(&host(&[])).await.unwrap_err();
    assert_eq!(gone.what, format!("there is no container engine at {socket}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let deaf = Docker { socket: Some(path.clone()), ..web };
    let expected =
        format!("the container engine at {} does not answer: Connection refused (os error 111)", path.display());
    let trouble = deaf.stop(&host(&[])).await.unwrap_err();
    assert_eq!(trouble, Trouble::away(expected).hint("does it run? `docker info` asks it"));
}

#[tokio::test]
async fn what_is_no_engine_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 1024];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").await.unwrap();
    });
    let docker: Docker = toml::from_str(&format!("container = \"web\"\nsocket = {path:?}")).unwrap();
    let expected = format!("what listens at {} does not say which version of the API it speaks", path.display());
    assert_eq!(docker.stop(&host(&[])).await.unwrap_err().what, expected);
    other.await.unwrap();
}
