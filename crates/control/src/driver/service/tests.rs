//! What is written in a stack's file, and what is said about it.

use super::*;

fn read(text: &str) -> ServiceSpec {
    toml::from_str(text).unwrap()
}

#[test]
fn settings_are_written_in_full_and_short_ones_are_enough() {
    let full = [
        (
            "driver = \"command\"\nstart = [\"/bin/a\"]\nstop = [\"/bin/b\", \"--now\"]\nstatus = [\"/bin/c\"]",
            "driver = \"command\"\nstart = [\"/bin/a\"]\nstop = [\"/bin/b\", \"--now\"]\nstatus = [\"/bin/c\"]\n\
             stopped_codes = [1, 3]\ntimeout_seconds = 60\n",
        ),
        (
            "driver = \"docker\"\nlabel = \"tier=web\"",
            "driver = \"docker\"\nlabel = \"tier=web\"\ngrace_seconds = 30\ntimeout_seconds = 120\n",
        ),
        (
            "driver = \"systemd\"\nunit = \"web.service\"",
            "driver = \"systemd\"\nunit = [\"web.service\"]\nuser = false\ntimeout_seconds = 120\n",
        ),
        (
            "driver = \"ssh\"\nhost = \"app1\"\nservice = { driver = \"systemd\", unit = \"web\" }",
            "driver = \"ssh\"\nhost = \"app1\"\n\n[service]\ndriver = \"systemd\"\nunit = [\"web\"]\nuser = false\n\
             timeout_seconds = 120\n",
        ),
    ];
    for (short, long) in full {
        let spec = read(short);
        assert_eq!(spec.wrong(), None, "{short}");
        assert_eq!(toml::to_string(&spec).unwrap(), long);
        assert_eq!(read(long), spec);
    }
}

#[test]
fn settings_that_are_not_known_are_refused() {
    let refused = |text: &str| toml::from_str::<ServiceSpec>(text).unwrap_err().message().to_owned();
    let typo = refused("driver = \"systemd\"\nunit = \"web\"\ntimout_seconds = 3");
    assert!(typo.starts_with("unknown field `timout_seconds`"), "{typo}");
    let there = refused("driver = \"ssh\"\nhost = \"app1\"\nservice = { driver = \"docker\", container = \"web\" }");
    assert!(there.starts_with("unknown variant `docker`"), "{there}");
    assert!(refused("driver = \"cron\"").starts_with("unknown variant `cron`"));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let command = "driver = \"command\"\nstart = [\"/bin/a\"]\nstop = [\"/bin/b\"]\n";
    let wrong = [
        ("driver = \"systemd\"\nunit = []", "unit names no unit"),
        ("driver = \"systemd\"\nunit = \"web*\"", "unit: \"web*\" is no name: letters, digits and any of @.:_-\\"),
        (
            "driver = \"systemd\"\nunit = \"web\"\ntimeout_seconds = 0",
            "timeout_seconds is 0: it is between 1 and 86400",
        ),
        ("driver = \"docker\"", "exactly one of container, label, project and naming says which containers"),
        (
            "driver = \"docker\"\ncontainer = \"a/../b\"",
            "container: \"a/../b\" is no name: letters, digits and any of _.-",
        ),
        ("driver = \"docker\"\ncontainer = []", "container names no container"),
        ("driver = \"docker\"\nlabel = \"=web\"", "label: \"\" is no name: letters, digits and any of _.-/"),
        ("driver = \"docker\"\nproject = \"shop\"\nsocket = \"docker.sock\"", "socket: docker.sock is not absolute"),
        (
            "driver = \"docker\"\nproject = \"shop\"\ngrace_seconds = 120",
            "grace_seconds is not shorter than timeout_seconds",
        ),
        (
            "driver = \"ssh\"\nhost = \"-oProxyCommand=x\"\nservice = { driver = \"systemd\", unit = \"web\" }",
            "host: \"-oProxyCommand=x\" is no name: letters, digits and any of .-_:",
        ),
        (
            "driver = \"ssh\"\nhost = \"app1\"\nport = 0\nservice = { driver = \"systemd\", unit = \"web\" }",
            "port is 0",
        ),
        (
            "driver = \"ssh\"\nhost = \"app1\"\nservice = { driver = \"systemd\", unit = [] }",
            "service: unit names no unit",
        ),
    ];
    for (text, expected) in wrong {
        assert_eq!(read(text).wrong().as_deref(), Some(expected), "{text}");
    }
    let codes = |codes: &str| read(&format!("{command}status = [\"/bin/c\"]\nstopped_codes = {codes}")).wrong();
    assert_eq!(codes("[3]"), None);
    for bad in ["[]", "[0]", "[255]", "[-1]"] {
        let wrong = codes(bad).unwrap();
        assert_eq!(wrong, "stopped_codes holds exit codes between 1 and 125, and at least one", "{bad}");
    }
    let empty = read(&format!("{command}status = []")).wrong().unwrap();
    assert_eq!(empty, "status is empty: it is a program and its words, as [\"/usr/bin/program\", \"word\"]");
}
