//! Texts before and after, byte for byte, and what is refused. A property holds for all formats: what is written is read again, and nothing
//! else has changed.

use proptest::prelude::*;

use super::*;

/// As the driver does it.
fn swapped(format: Format, text: &str, key: &str, to: &str) -> Result<(String, String), String> {
    let found = format.find(text, key)?;
    let written = format.write(&found, to)?;
    let changed = format!("{}{written}{}", &text[..found.span.start], &text[found.span.end..]);
    let again = format.find(&changed, key)?;
    if again.value != to {
        return Err(format!("{to:?} is read as {:?}", again.value));
    }
    Ok((found.value, changed))
}

fn check(format: Format, cases: &[(&str, &str, &str, &str, &str)]) {
    for (text, key, from, to, expected) in cases {
        let (found, changed) = swapped(format, text, key, to).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((found.as_str(), changed.as_str()), (*from, *expected), "{text}");
    }
}

fn check_refused(format: Format, cases: &[(&str, &str, &str, &str)]) {
    for (text, key, to, expected) in cases {
        assert_eq!(swapped(format, text, key, to), Err((*expected).to_owned()), "{text}");
    }
}

#[test]
fn env_files() {
    check(
        Format::Env,
        &[
            ("A=1\nHOST=db1\nB=2", "HOST", "db1", "db2", "A=1\nHOST=db2\nB=2"),
            ("export HOST=\"db1\"  # why\r\nX=1\r\n", "HOST", "db1", "db 2", "export HOST=\"db 2\"  # why\r\nX=1\r\n"),
            ("  HOST = 'a b'\n#HOST=no\n", "HOST", "a b", "x$y", "  HOST = 'x$y'\n#HOST=no\n"),
            ("HOST=db1 # HOST=x\nHOSTS=z\nMY_HOST=z", "HOST", "db1", "db2", "HOST=db2 # HOST=x\nHOSTS=z\nMY_HOST=z"),
            ("K=\"a\nHOST=fake\n\"\nHOST=db1", "HOST", "db1", "db2", "K=\"a\nHOST=fake\n\"\nHOST=db2"),
            ("HOST=\n", "HOST", "", "db2", "HOST=db2\n"),
            ("U=postgres://a@b/c?d=1&e=2", "U", "postgres://a@b/c?d=1&e=2", "x&y", "U=x&y"),
        ],
    );
    check_refused(
        Format::Env,
        &[
            ("A=1", "HOST", "x", "HOST: it is not there"),
            ("HOST=1\nHOST=2", "HOST", "x", "HOST: it is there 2 times, and programs differ in which one counts"),
            ("HOST=\"a$B\"", "HOST", "x", "HOST: its value has escapes or is put together from others"),
            ("HOST=a\\ b", "HOST", "x", "HOST: its value has escapes or is put together from others"),
            ("HOST=\"a\nb\"", "HOST", "x", "HOST: its quotes go over several lines"),
            ("HOST='a'b", "HOST", "x", "HOST: something stands behind its quotes"),
            (
                "HOST=a",
                "HOST",
                "x y",
                "\"x y\" cannot be written without quotes: put other quotes around the value first",
            ),
            (
                "HOST=a",
                "HOST",
                "x&y",
                "\"x&y\" cannot be written without quotes: put other quotes around the value first",
            ),
            (
                "HOST=\"a\"",
                "HOST",
                "`x`",
                "\"`x`\" cannot be written into double quotes: put other quotes around the value first",
            ),
            (
                "HOST='a'",
                "HOST",
                "'",
                "\"'\" cannot be written into single quotes: put other quotes around the value first",
            ),
            ("HOST=a", "HOST", "x\ny", "a value of several lines cannot be written"),
        ],
    );
}

#[test]
fn ini_files() {
    check(
        Format::Ini,
        &[
            (
                "host=top\n[db]\nhost = db1\n[x]\nhost=2",
                "db.host",
                "db1",
                "db2",
                "host=top\n[db]\nhost = db2\n[x]\nhost=2",
            ),
            ("host=top\n[db]\nhost = db1", "host", "top", "db2", "host=db2\n[db]\nhost = db1"),
            ("[a.b]\nc.d: \"x\" ; no\n", "a.b.c.d", "x", "y z", "[a.b]\nc.d: \"y z\" ; no\n"),
            (
                "[db]\n; host = no\nhost:db1:5432 # x\n\n  # y\nz=1",
                "db.host",
                "db1:5432",
                "db2:1",
                "[db]\n; host = no\nhost:db2:1 # x\n\n  # y\nz=1",
            ),
            ("[mysqld]\nskip-name\nhost=a\n", "mysqld.host", "a", "b", "[mysqld]\nskip-name\nhost=b\n"),
        ],
    );
    check_refused(
        Format::Ini,
        &[
            ("[db]\nhost=1", "host", "x", "host: it is not there"),
            (
                "[db]\nhost=1\n[db]\nhost=1",
                "db.host",
                "x",
                "db.host: it is there 2 times, and programs differ in which one counts",
            ),
            (
                "[a]\nb.c=1\n[a.b]\nc=2",
                "a.b.c",
                "x",
                "a.b.c: it is there 2 times, and programs differ in which one counts",
            ),
            (
                "[db]\nhost=1\n  more",
                "db.host",
                "x",
                "db.host: its value may go on in the line below, which is indented",
            ),
            ("[db]\nhost=%(x)s", "db.host", "x", "db.host: its value has escapes or is put together from others"),
            (
                "[db]\nhost=1",
                "db.host",
                "x;y",
                "\"x;y\" cannot be written without quotes: put quotes around the value first",
            ),
            ("[db]\nhost='1'", "db.host", "100%", "\"100%\" cannot be written into an ini file"),
        ],
    );
}

#[test]
fn json_files() {
    check(
        Format::Json,
        &[
            (
                r#"{"a":{"host":"db1","x":[1,{"y":"}"}]},"host":"no"}"#,
                "a.host",
                "db1",
                "d\"2",
                r#"{"a":{"host":"d\"2","x":[1,{"y":"}"}]},"host":"no"}"#,
            ),
            ("{\n\t\"p\" : 5432 ,\r\n\t\"q\": []}\n", "p", "5432", "5433", "{\n\t\"p\" : 5433 ,\r\n\t\"q\": []}\n"),
            (r#"[{"a.b": "\u0064b1"}, "\\\""]"#, "/0/a.b", "db1", "é", r#"[{"a.b": "é"}, "\\\""]"#),
            (r#"["x",["y" , "z"]]"#, "1.1", "z", "", r#"["x",["y" , ""]]"#),
            (r#"{"é\"": {"b": -1e3}}"#, "/é\"/b", "-1e3", "2", r#"{"é\"": {"b": 2}}"#),
        ],
    );
    check_refused(
        Format::Json,
        &[
            ("{\"a\": 1,}", "a", "2", "a: the file is no JSON: key must be a string at line 1 column 9"),
            ("{}", "a", "2", "a: there is no \"a\" at the top"),
            ("{\"a\": {}}", "a.b", "2", "a.b: there is no \"b\" in \"a\""),
            ("{\"a\": [1]}", "a.1", "2", "a.1: there is no \"1\" in \"a\""),
            (
                "{\"a\": 1, \"\\u0061\": 2}",
                "a",
                "2",
                "a: \"a\" is there twice, and programs differ in which one counts",
            ),
            ("{\"a\": {}}", "a", "2", "a: it holds others, and is no value"),
            ("{\"a\": true}", "a", "2", "a: it is true, neither a text nor a number"),
            ("{\"a\": null}", "a", "2", "a: it is null, neither a text nor a number"),
            ("{\"a\": 1}", "a", "db", "a number stands there, and \"db\" is none"),
            ("{\"a\": 1}", "a", "NaN", "a number stands there, and \"NaN\" is none"),
        ],
    );
}

#[test]
fn toml_files() {
    check(
        Format::Toml,
        &[
            (
                "# é\n[db]\nhost = \"db1\" # x\nport=1\n",
                "db.host",
                "db1",
                "d\"2",
                "# é\n[db]\nhost = \"d\\\"2\" # x\nport=1\n",
            ),
            ("[db]\r\nhost='db1'\r\n", "db.host", "db1", "db2", "[db]\r\nhost='db2'\r\n"),
            ("db = { a = 1, b.c = 'x' }", "db.b.c", "x", "it's", "db = { a = 1, b.c = \"it's\" }"),
            (
                "[[db]]\nport = 1\n[[db]]\nport = 5432 # x",
                "db.1.port",
                "5432",
                "5433",
                "[[db]]\nport = 1\n[[db]]\nport = 5433 # x",
            ),
            ("hosts = [\n  \"a\",\n  \"b\", # x\n]", "hosts.1", "b", "c", "hosts = [\n  \"a\",\n  \"c\", # x\n]"),
            ("'a.b' = \"\\u0041\"", "/a.b", "A", "C", "'a.b' = \"C\""),
        ],
    );
    check_refused(
        Format::Toml,
        &[
            ("a = 1", "b", "x", "b: there is no \"b\" at the top"),
            ("[a]", "a", "x", "a: it holds others, and is no value"),
            ("a = true", "a", "x", "a: it is of type boolean, neither a text nor a whole number"),
            ("a = 0x10", "a", "1", "a: the number 0x10 is written in a way that would be lost"),
            ("a = \"\"\"x\"\"\"", "a", "y", "a: it goes over several lines"),
            ("a = 1", "a", "01", "a number stands there, and \"01\" is none"),
        ],
    );
    assert!(swapped(Format::Toml, "a = ", "a", "x").unwrap_err().starts_with("a: the file is no TOML: "));
}

#[test]
fn yaml_files() {
    check(
        Format::Yaml,
        &[
            (
                "# é\ndb:\n  host: db1 # x\n  port: 5432\n",
                "db.host",
                "db1",
                "db2",
                "# é\ndb:\n  host: db2 # x\n  port: 5432\n",
            ),
            ("db: {host: 'db1', port: 5432}", "db.port", "5432", "5433", "db: {host: 'db1', port: 5433}"),
            ("db: {host: 'db1', port: 5432}", "db.host", "db1", "it's", "db: {host: 'it''s', port: 5432}"),
            ("hosts:\n- a\n- \"b\"\n", "hosts.1", "b", "c\"d", "hosts:\n- a\n- \"c\\\"d\"\n"),
            ("a: b\r\nc: d\r\n", "a", "b", "5", "a: \"5\"\r\nc: d\r\n"),
            ("a: b", "a", "b", "yes", "a: \"yes\""),
            ("a: b", "a", "b", "x: y", "a: \"x: y\""),
            (
                "---\na: postgres://u@h:1/d?x=1 # k\n...\n",
                "a",
                "postgres://u@h:1/d?x=1",
                "10.0.0.1",
                "---\na: 10.0.0.1 # k\n...\n",
            ),
            ("x: &o {k: v}\na:\n  <<: *o\n  host: b", "a.host", "b", "c", "x: &o {k: v}\na:\n  <<: *o\n  host: c"),
            ("x: |\n  a: no\n  b\na: yo", "a", "yo", "c", "x: |\n  a: no\n  b\na: c"),
            ("\"a.b\": é\n? c\n: d", "/a.b", "é", "f", "\"a.b\": f\n? c\n: d"),
        ],
    );
    check_refused(
        Format::Yaml,
        &[
            ("a: b", "c", "x", "c: there is no \"c\" at the top"),
            ("a: b\n---\na: c", "a", "x", "a: the file has several documents"),
            ("", "a", "x", "a: the file is empty"),
            ("a: 1\na: 2", "a", "3", "a: \"a\" is there twice, and programs differ in which one counts"),
            ("a: &x b\nc: *x", "a", "x", "a: it has an anchor: what else refers to it would change as well"),
            ("a: &x b\nc: *x", "c", "x", "c: it is an alias, and is no value of its own"),
            ("a: &x {b: c}\nd: *x", "d.b", "x", "d.b: in \"d\" stands an alias: what it leads to is written elsewhere"),
            ("a: !env b", "a", "x", "a: it has a tag, which says how it is to be read"),
            ("a: |\n  b\n", "a", "x", "a: it is empty, or goes over several lines"),
            ("a:\n", "a", "x", "a: it is empty, or goes over several lines"),
            ("a: b\n  c\n", "a", "x", "a: it is empty, or goes over several lines"),
            ("a: [b]", "a", "x", "a: it holds others, and is no value of its own"),
            ("a: true", "a", "x", "a: it is true, neither a text nor a number"),
            ("a: 5432", "a", "x", "a number stands there, and \"x\" is none"),
        ],
    );
    assert!(swapped(Format::Yaml, "a: [", "a", "x").unwrap_err().starts_with("a: the file is no YAML: "));
}

const TEXTS: [(Format, &str, &str, &str); 10] = [
    (Format::Env, "A", "# ü\nB=1\nA=", "x # k\nC=2\n"),
    (Format::Env, "A", "# ü\nB=1\nA=", "'x' # k\nC=2\n"),
    (Format::Env, "A", "A=", "\"x\"\n"),
    (Format::Ini, "s.a", "[s]\na = ", "x ; k\nb=1"),
    (Format::Ini, "s.a", "[s]\na = ", "\"x\" ; k\nb=1"),
    (Format::Json, "s.0", "{\"s\": [", "\"x\", {}]}"),
    (Format::Toml, "s.a", "# ü\n[s]\na = ", "'x' # k\nb = 1\n"),
    (Format::Yaml, "s.a", "# ü\ns:\n  a: ", "x # k\n  b: 1\n"),
    (Format::Yaml, "s.a", "s: {a: ", "x, b: 1}"),
    (Format::Yaml, "s.a", "s: {a: ", "\"x\", b: 1}"),
];

proptest! {
    #[test]
    fn what_is_written_is_read_and_nothing_else_changes(to in "[ -~éü#\t]{0,12}|[a-z0-9.:/@-]{1,12}") {
        for (format, key, before, after) in TEXTS {
            let text = format!("{before}{after}");
            let Ok((_, changed)) = swapped(format, &text, key, &to) else { continue };
            let rest = &after[format.find(&text, key).unwrap().span.end - before.len()..];
            prop_assert!(changed.starts_with(before) && changed.ends_with(rest), "{}", changed);
            let (back, again) = swapped(format, &changed, key, "x").unwrap();
            prop_assert_eq!(&back, &to);
            prop_assert_eq!(swapped(format, &again, key, &to).unwrap().1, changed);
        }
    }
}
