//! What may stand in settings, and what not.

use super::*;

#[test]
fn one_name_is_a_list_of_one() {
    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Held {
        names: Names,
    }
    let one: Held = toml::from_str("names = \"web\"").unwrap();
    assert_eq!(one.names.0, ["web"]);
    assert_eq!(toml::to_string(&one).unwrap(), "names = [\"web\"]\n");
    assert_eq!(toml::from_str::<Held>("names = [\"web\"]").unwrap(), one);
}

#[test]
fn words_are_a_program_and_what_it_is_told() {
    let words = |words: &[&str]| wrong_words("stop", &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    assert_eq!(words(&["/bin/stop", "--now", "it's $HOME"]), None);
    assert!(words(&[]).unwrap().starts_with("stop is empty"));
    assert_eq!(words(&[" "]).unwrap(), "stop does not begin with a program");
    assert_eq!(words(&["--stop"]).unwrap(), "stop does not begin with a program");
    assert_eq!(words(&["/bin/stop", "a\nb"]).unwrap(), "stop has a control character in a word");
}

#[test]
fn names_cannot_become_something_else() {
    assert_eq!(wrong_name("unit", "web@1.service", "@.-_"), None);
    for bad in ["", "-a", "a b", "../a", "a/../b", "a*", "a;b", "ä"] {
        assert!(wrong_name("unit", bad, "@.-_").is_some(), "{bad}");
    }
    assert_eq!(wrong_path("socket", Some(Path::new("a"))).unwrap(), "socket: a is not absolute");
    assert_eq!(wrong_path("socket", Some(Path::new("/a"))), None);
    assert_eq!(wrong_seconds("timeout_seconds", 0).unwrap(), "timeout_seconds is 0: it is between 1 and 86400");
}
