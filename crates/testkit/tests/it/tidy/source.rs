//! Reads the repository's own text files and measures Rust text that rustfmt has laid out. Must not know the rules.

use std::fs;
use std::path::Path;

/// Files larger than this are data.
const BYTES_MAX: u64 = 512 * 1024;

#[derive(Debug)]
pub(super) struct Source {
    /// From the top of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    pub(super) fn is_crate_manifest(&self) -> bool {
        self.path.starts_with("crates/") && self.path.ends_with("/Cargo.toml")
    }
}

/// Every text file that is, or could be, committed.
pub(super) fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    collect(&top, "", &mut found);
    assert!(found.iter().any(Source::is_rust), "no sources found in {}", top.display());
    found
}

fn collect(top: &Path, within: &str, found: &mut Vec<Source>) {
    let entries = fs::read_dir(top.join(within)).expect("a readable folder");
    for entry in entries {
        let entry = entry.expect("a readable entry");
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if within.is_empty() { name.clone() } else { format!("{within}/{name}") };
        let meta = entry.metadata().expect("its metadata");
        if meta.is_dir() {
            if !is_foreign(&name) {
                collect(top, &path, found);
            }
        } else if meta.is_file() && name != ".git" && meta.len() <= BYTES_MAX && !name.ends_with(".lock") {
            found.extend(fs::read_to_string(entry.path()).ok().map(|text| Source { path, text }));
        }
    }
}

/// Folders with nothing of ours in them.
fn is_foreign(name: &str) -> bool {
    let hidden = name.starts_with('.') && !matches!(name, ".ci" | ".config" | ".github");
    hidden
        || name == "target"
        || name.starts_with("target-")
        || matches!(name, "node_modules" | "dist" | "out" | "corpus")
}

/// Lines up to a test module written in the file itself.
pub(super) fn production_lines(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let begins_tests =
        |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod") && pair[1].ends_with('{');
    lines.windows(2).position(begins_tests).unwrap_or(lines.len())
}

/// Every function with a body, and its lines from `fn` to the closing brace.
pub(super) fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[at..].iter().position(|line| {
            line.strip_prefix(indent).is_some_and(|rest| rest == "}" || (rest.ends_with(';') && !rest.starts_with(' ')))
                || (line.ends_with('}') && line.trim_start().contains("fn "))
        });
        match end {
            Some(length) if lines[at + length].trim() == "}" => found.push((name.to_owned(), length + 1)),
            _ => {}
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let qualifies =
        |word: &str| matches!(word, "pub" | "async" | "const" | "unsafe" | "extern") || word.starts_with("pub(");
    before.split_whitespace().all(|word| qualifies(word) || word.ends_with(')') || word == "in").then_some(())?;
    after
        .split(['(', '<'])
        .next()
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}
