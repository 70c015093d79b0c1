//! Where an engine is looked for.

use super::super::super::conformance::host;
use super::*;

#[test]
fn the_settings_say_then_the_environment_then_the_usual_places() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    std::fs::write(&one, "").unwrap();
    std::fs::write(&two, "").unwrap();
    let said = host(&[("DOCKER_HOST", &format!("unix://{}", one.display()))]);
    assert_eq!(found(&said, None).unwrap(), one);
    assert_eq!(found(&said, Some(&two)).unwrap(), two);
    let gone = found(&said, Some(Path::new("/nowhere/socket"))).unwrap_err();
    assert_eq!(gone.what, "there is no container engine at /nowhere/socket");
}

#[test]
fn an_engine_elsewhere_is_refused() {
    let remote = found(&host(&[("DOCKER_HOST", "tcp://db1:2375")]), None).unwrap_err();
    let hint = "name one with `socket`; on another host the ssh driver runs `docker stop` there";
    assert_eq!(remote, Trouble::refused("DOCKER_HOST is tcp://db1:2375, which is no socket on this host").hint(hint));
}

#[test]
fn the_version_is_in_the_head_of_what_is_answered() {
    let said =
        |text: &str| version_in(&[("api-version".parse().unwrap(), text.parse().unwrap())].into_iter().collect());
    assert_eq!(said("1.41"), Some(ClientVersion { major_version: 1, minor_version: 41 }));
    assert_eq!(said("1.5"), Some(ClientVersion { major_version: 1, minor_version: 5 }));
    for other in ["", "1", "new", "1.x"] {
        assert_eq!(said(other), None, "{other:?}");
    }
    assert_eq!(version_in(&HeaderMap::new()), None);
}
