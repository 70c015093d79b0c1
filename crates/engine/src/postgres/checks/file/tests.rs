//! What people write, and what they are told when it is wrong.

use super::*;

fn refused(text: &str) -> String {
    let error = ChecksFile::parse(text).unwrap_err();
    assert_eq!(error.code(), "RK-2090");
    assert!(error.hint().is_some());
    error.to_string()
}

#[test]
fn both_kinds_are_read() {
    let file = ChecksFile::parse(
        "[[check]]\nname = 'paid'\ndatabase = 'app'\nsql = 'SELECT true'\nexpect = '42'\ntimeout = '30s'\n\
         [[check]]\nname = 'smoke'\ncommand = ['/bin/smoke', '--quick']\n",
    );
    let sql = Question::Sql { text: "SELECT true".into(), expect: Some("42".into()) };
    let paid =
        Check { name: "paid".into(), database: Some("app".into()), timeout: Duration::from_secs(30), question: sql };
    let command = Question::Command(vec!["/bin/smoke".into(), "--quick".into()]);
    let smoke = Check { name: "smoke".into(), database: None, timeout: TIMEOUT, question: command };
    assert_eq!(file.unwrap().checks, [paid, smoke]);
    assert!(ChecksFile::parse("# none yet\n").unwrap().checks.is_empty());
}

#[test]
fn unknown_keys_and_wrong_types_are_refused_with_their_line() {
    let said = refused("[[check]]\nname = 'a'\nsql = 'x'\nexpects = '1'\n");
    assert!(said.contains("line 4") && said.contains("expects"), "{said}");
    let said = refused("[[checks]]\nname = 'a'\n");
    assert!(said.contains("line 1") && said.contains("checks"), "{said}");
    let said = refused("[[check]]\nname = 'a'\nsql = 7\n");
    assert!(said.contains("line 3"), "{said}");
    let said = refused("[[check]]\nname = 'a\n");
    assert!(said.contains("line 2"), "{said}");
    let said = refused("[[check]]\nsql = 'x'\n");
    assert!(said.contains("name"), "{said}");
}

#[test]
fn exactly_one_question() {
    for (rest, what) in [
        ("", "neither sql nor command"),
        ("sql = 'x'\ncommand = ['y']", "both sql and command"),
        ("command = ['y']\nexpect = '1'", "expect is for sql only"),
        ("command = []", "command is empty"),
        ("command = ['']", "command is empty"),
        ("sql = ' '", "sql is empty"),
        ("sql = 'x'\ntimeout = 'soon'", "timeout \"soon\""),
        ("sql = 'x'\ntimeout = '0s'", "timeout \"0s\""),
        ("sql = 'x'\ntimeout = '-5s'", "timeout \"-5s\""),
        ("sql = 'x'\ntimeout = '25h'", "timeout \"25h\""),
    ] {
        let said = refused(&format!("[[check]]\nname = 'the one'\n{rest}\n"));
        assert!(said.contains(what) && said.contains("\"the one\""), "{said}");
    }
    assert!(refused("[[check]]\nname = ''\nsql = 'x'\n").contains("empty name"));
    assert!(refused(&"[[check]]\nname = 'a'\nsql = 'x'\n".repeat(2)).contains("two checks"));
}

#[test]
fn times_may_be_written_in_words() {
    for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3600), ("2 minutes", 120), ("1h30m", 5400)] {
        assert_eq!(timeout(text), Some(Duration::from_secs(seconds)), "{text}");
    }
}
