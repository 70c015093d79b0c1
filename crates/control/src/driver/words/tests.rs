//! Words that make no sense, and programs that are not there.

use super::*;

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_makes_no_sense_is_said() {
    let cases: [(&[&str], &str); 6] = [
        (&[], "there is no program to run"),
        (&[" "], "there is no program to run"),
        (&["{stack}"], "the program itself cannot be filled in"),
        (&["bin/it"], "the program bin/it must be a name or an absolute path"),
        (&["true", "a\0b"], "a word holds a zero byte"),
        (
            &["true", "{nothing}"],
            "{nothing} is nothing that is told here; {{nothing}} stands for the braces themselves",
        ),
    ];
    for (all, expected) in cases {
        assert_eq!(wrong(&words(all), &["stack"]).as_deref(), Some(expected));
    }
    assert_eq!(wrong(&words(&["awk", "{{print}}", "{stack}", "{ print $1 }"]), &["stack"]), None);
}

#[test]
fn variables_have_names_and_keep_to_theirs() {
    let one = |name: &str, value: &str| wrong_variables(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
    assert_eq!(one("A_1", "file:/there"), None);
    for name in ["", "1A", "A-B", "A=B", "REKINDLE_PHASE"] {
        assert_eq!(one(name, "x"), Some(format!("env {name:?}: {VARIABLES}")));
    }
    assert!(one("A", "file:planted").is_some_and(|wrong| wrong.starts_with("env A: ") && !wrong.contains("planted")));
}

#[tokio::test]
async fn what_cannot_be_run_is_found_without_running_it() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let host = Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), BTreeMap::new());
    let (plain, none) = (plain.display().to_string(), BTreeMap::new());
    for (program, expected) in [
        ("sh", None),
        ("/bin/sh", None),
        ("no-such-program", Some("there is no program no-such-program".to_owned())),
        ("/no/such", Some("there is no program /no/such".to_owned())),
        (&plain, Some(format!("{plain} is no program that can be run"))),
    ] {
        let found = troubles(&words(&[program]), &none, &host).await;
        assert_eq!(found.first().map(|trouble| trouble.what.clone()), expected);
    }
    let variables = BTreeMap::from([("A".to_owned(), "env:NONE".to_owned())]);
    let found = troubles(&words(&["/no/such"]), &variables, &host).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].what, "the secret env:NONE cannot be read: it is not set");
}
