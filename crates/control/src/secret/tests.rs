//! References lead to what they say, and nothing of it shows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

fn host() -> Host {
    let variables =
        BTreeMap::from([("HOOK".to_owned(), "planted-in-env\n".to_owned()), ("EMPTY".into(), String::new())]);
    Host::system("nobody".into(), PathBuf::from("/"), PathBuf::from("/bin/false"), variables)
}

fn reference(text: &str) -> SecretRef {
    SecretRef::try_from(text.to_owned()).unwrap()
}

#[tokio::test]
async fn what_they_lead_to() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "planted-in-file\n").unwrap();
    let of_file = format!("file:{}", file.path().display());
    let cases = [("env:HOOK", "planted-in-env"), (&of_file, "planted-in-file"), ("command:printf planted", "planted")];
    for (text, expected) in cases {
        let secret = reference(text).read(&host()).await.unwrap();
        assert_eq!(secret.expose(), expected);
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
        assert_eq!(reference(text).to_string(), text);
    }
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    let cases = [
        ("env:NONE", "it is not set"),
        ("env:EMPTY", "it is not set"),
        ("file:/nowhere/at/all", "No such file"),
        ("command:echo planted; exit 3", "exit status: 3"),
        ("command:true", "nothing in it"),
    ];
    for (text, expected) in cases {
        let error = reference(text).read_here(&host()).unwrap_err();
        assert_eq!(error.code(), "RK-3060");
        let said = error.to_string();
        assert!(said.contains(expected), "{text}: {said}");
        assert!(text.starts_with("command") || !said.contains("planted"), "{said}");
    }
    for text in ["planted-secret", "env:", "file:relative", "https://x", "command: "] {
        let refused = SecretRef::try_from(text.to_owned()).unwrap_err();
        assert!(!refused.contains("planted"), "{refused}");
    }
}
