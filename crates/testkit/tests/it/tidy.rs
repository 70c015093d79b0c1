//! The house rules that a machine can hold: sizes, arrows between crates, names, forgotten files, left-over marks. It reads the
//! sources as text and must not know what they do. The tables of exceptions are ratchets: they may only shrink.

mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use source::{Source, functions, production_lines, sources};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files longer than allowed, with their length. Lower the number when one shrinks; never raise it, never add a line.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions longer than allowed, as `file::function`, with their length. The same holds.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// Which crate may use which. Nothing points back; `testkit` is for tests only.
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &["control", "api"]),
    ("control", &["engine", "ops", "vault", "api"]),
    ("engine", &["mount", "vault"]),
    ("mount", &["vault"]),
    ("vault", &[]),
    ("ops", &[]),
    ("api", &[]),
    ("testkit", &[]),
];

#[test]
fn files_are_short() {
    let measured = sources().into_iter().filter(|file| file.is_rust() && !file.is_test());
    let long = measured.map(|file| (file.path.clone(), production_lines(&file.text)));
    let long = long.filter(|(_, lines)| *lines > FILE_LINES_MAX).collect();
    assert_ratchet("lines in a file", &long, LONG_FILES);
}

#[test]
fn functions_are_short() {
    let mut long = BTreeMap::new();
    for file in sources().into_iter().filter(Source::is_rust) {
        for (name, lines) in functions(&file.text) {
            if lines > FUNCTION_LINES_MAX {
                long.insert(format!("{}::{name}", file.path), lines);
            }
        }
    }
    assert_ratchet("lines in a function", &long, LONG_FUNCTIONS);
}

#[test]
fn arrows_between_crates_point_one_way() {
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| file.is_crate_manifest()) {
        let own = file.path.split('/').nth(1).unwrap_or_default().to_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{own} is a new crate: give it its arrows here and in design.md"));
            continue;
        };
        for (section, used) in used_crates(&file.text) {
            let fine = allowed.contains(&used.as_str()) || (section == "dev-dependencies" && used == "testkit");
            if !fine {
                wrong.push(format!("{own} must not use {used} ({section})"));
            }
        }
    }
    assert_none("arrows", &wrong);
}

#[test]
fn no_source_file_is_forgotten() {
    let all: BTreeMap<String, String> = sources().into_iter().map(|file| (file.path, file.text)).collect();
    let modules = all.keys().filter(|path| is_module(path));
    let forgotten = modules.filter(|path| !is_declared(path, &all)).map(|path| format!("no `mod` names {path}"));
    assert_none("forgotten files", &forgotten.collect::<Vec<_>>());
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let empty = ["util", "utils", "common", "helper", "helpers", "misc"];
    let says_nothing = |path: &str| {
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        parts.any(|part| empty.contains(&part))
    };
    let rust = sources().into_iter().filter(Source::is_rust).map(|file| file.path);
    assert_none("names", &rust.filter(|path| says_nothing(path)).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|file| file.is_rust() && !file.text.starts_with("//!"));
    assert_none("files without a head", &silent.map(|file| file.path).collect::<Vec<_>>());
}

#[test]
fn no_marks_are_left_over() {
    // Put together here so that this file does not find itself.
    let calls = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let words = [["FIX", "ME"].concat(), ["X", "XX"].concat()];
    let mut found = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            let marked = calls.iter().any(|call| file.is_rust() && line.contains(call.as_str()))
                || words.iter().any(|word| has_word(line, word));
            if marked {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("left-over marks", &found);
}

#[test]
fn no_path_of_one_machine() {
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], ["/Us", "ers/"]].map(|halves| halves.concat());
    let mut found = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            if paths.iter().any(|path| begins_a_path(line, path)) {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("paths of one machine", &found);
}

/// Fails when something is longer than its entry, and also when it has become shorter: then the entry must follow.
fn assert_ratchet(what: &str, found: &BTreeMap<String, usize>, allowed: &[(&str, usize)]) {
    let mut wrong = Vec::new();
    for (name, lines) in found {
        match allowed.iter().find(|(known, _)| known == name) {
            Some((_, limit)) if lines == limit => {}
            Some((_, limit)) if lines < limit => {
                wrong.push(format!("{name}: now {lines}, lower its entry from {limit}"));
            }
            Some((_, limit)) => wrong.push(format!("{name}: {lines}, its entry allows {limit}")),
            None => wrong.push(format!("{name}: {lines}")),
        }
    }
    for (known, _) in allowed.iter().filter(|(known, _)| !found.contains_key(*known)) {
        wrong.push(format!("{known}: is short now, remove its entry"));
    }
    assert_none(what, &wrong);
}

fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

/// Crates of this workspace that a manifest names, each with the section it stands in.
fn used_crates(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut used = Vec::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((name, _)) = line.split_once(['.', ' ', '='])
            && section.ends_with("dependencies")
            && ARROWS.iter().any(|(known, _)| *known == name)
        {
            used.push((section.clone(), name.to_owned()));
        }
    }
    used
}

/// Whether this file must be named by a `mod`: every one but the roots of crates, binaries and build scripts.
fn is_module(path: &str) -> bool {
    let below = path.split_once("/src/").or_else(|| path.split_once("/tests/it/")).map(|(_, below)| below);
    below.is_some_and(|below| {
        path.ends_with(".rs") && !["lib.rs", "main.rs"].contains(&below) && !below.starts_with("bin/")
    })
}

fn is_declared(path: &str, all: &BTreeMap<String, String>) -> bool {
    let path = Path::new(path);
    let own = if path.ends_with("mod.rs") { path.parent().map(Path::to_owned) } else { Some(path.with_extension("")) };
    let Some((own, folder)) = own.as_ref().and_then(|own| Some((own.file_name()?.to_str()?, own.parent()?))) else {
        return false;
    };
    let parents = ["mod.rs", "lib.rs", "main.rs"].map(|name| folder.join(name)).into_iter();
    let declares = |parent: PathBuf| {
        let text = parent.to_str().and_then(|parent| all.get(parent));
        text.is_some_and(|text| text.lines().any(|line| line.trim_end().ends_with(&format!("mod {own};"))))
    };
    parents.chain([folder.with_extension("rs")]).any(declares)
}

fn has_word(line: &str, word: &str) -> bool {
    let outside = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
    let mut found = line.match_indices(word);
    found.any(|(at, _)| outside(line[..at].chars().next_back()) && outside(line[at + word.len()..].chars().next()))
}

/// `/a/` begins a path in `"/a/b"` and not in `target/a/b`.
fn begins_a_path(line: &str, path: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    let mut found = line.match_indices(path);
    found
        .any(|(at, _)| before(at).is_none_or(|character| !character.is_alphanumeric() && !"._-*}>".contains(character)))
}

#[test]
fn the_measures_measure() {
    let text = "fn one() {\n    1;\n}\n\nimpl X {\n    pub async fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n    fn none();\n}\n";
    assert_eq!(functions(text), [("one".to_owned(), 3), ("two".to_owned(), 5)]);
    assert_eq!(production_lines("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    assert_eq!(production_lines("a\n#[cfg(test)]\nmod tests;\nb\n"), 4);
    assert!(has_word("a word here", "word") && !has_word("sword", "word"));
    assert!(begins_a_path("\"/x/y\"", "/x/") && !begins_a_path("target/x/y", "/x/"));
    let manifest =
        "[dependencies]\nvault.workspace = true\nvaulted = \"1\"\n[dev-dependencies]\ntestkit = { path = \"\" }\n";
    let expected = [("dependencies", "vault"), ("dev-dependencies", "testkit")];
    assert_eq!(used_crates(manifest), expected.map(|(section, name)| (section.to_owned(), name.to_owned())));
}
