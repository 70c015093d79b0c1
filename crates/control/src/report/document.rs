//! A report as a document: told once, written as Markdown or as a page of HTML that needs nothing but itself. Must not know what it tells.

use std::fmt::Write as _;

#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) intro: String,
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug)]
pub(crate) enum Part {
    Heading(&'static str),
    /// A word, and what it is.
    Facts(Vec<(&'static str, String)>),
    Table {
        head: &'static [&'static str],
        rows: Vec<Vec<String>>,
    },
    List(Vec<String>),
    Text(String),
    /// To be copied as it stands, under what it is for.
    Quote(&'static str, String),
}

impl Document {
    /// A section, where there is something in it.
    pub(crate) fn list(&mut self, heading: &'static str, lines: &[String]) {
        if !lines.is_empty() {
            self.parts.extend([Part::Heading(heading), Part::List(lines.to_vec())]);
        }
    }

    pub(crate) fn table(&mut self, heading: &'static str, head: &'static [&'static str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.parts.extend([Part::Heading(heading), Part::Table { head, rows }]);
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n", line(&self.title), line(&self.intro));
        for part in &self.parts {
            out.push('\n');
            match part {
                Part::Heading(heading) => {
                    let _ = writeln!(out, "## {heading}");
                }
                Part::Facts(facts) => {
                    out.push_str("| | |\n|---|---|\n");
                    for (name, value) in facts {
                        let _ = writeln!(out, "| {name} | {} |", cell(value));
                    }
                }
                Part::Table { head, rows } => {
                    let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
                    for row in rows {
                        let cells: Vec<String> = row.iter().map(|value| cell(value)).collect();
                        let _ = writeln!(out, "| {} |", cells.join(" | "));
                    }
                }
                Part::List(lines) => lines.iter().for_each(|text| {
                    let _ = writeln!(out, "- {}", line(text));
                }),
                Part::Text(text) => {
                    let _ = writeln!(out, "{}", line(text));
                }
                Part::Quote(what, text) => {
                    let _ = writeln!(out, "**{what}**\n\n> {}", line(text));
                }
            }
        }
        out
    }

    pub(crate) fn html(&self) -> String {
        let (title, intro) = (escaped(&self.title), escaped(&self.intro));
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{intro}</p>\n"
        );
        for part in &self.parts {
            out.push_str(&html_of(part));
        }
        out.push_str("</body>\n</html>\n");
        out
    }
}

fn html_of(part: &Part) -> String {
    let cells = |tag: &str, values: &[String]| -> String {
        values.iter().map(|value| format!("<{tag}>{}</{tag}>", escaped(value))).collect()
    };
    match part {
        Part::Heading(heading) => format!("<h2>{}</h2>\n", escaped(heading)),
        Part::Facts(facts) => {
            let row = |(name, value): &(&str, String)| {
                format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
            };
            format!("<table class=\"facts\">\n{}</table>\n", facts.iter().map(row).collect::<String>())
        }
        Part::Table { head, rows } => {
            let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
            let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells("td", row))).collect();
            format!("<table>\n<tr>{}</tr>\n{rows}</table>\n", cells("th", &head))
        }
        Part::List(lines) => {
            let lines: String = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
            format!("<ul>\n{lines}</ul>\n")
        }
        Part::Text(text) => format!("<p>{}</p>\n", escaped(text)),
        Part::Quote(what, text) => {
            format!("<h3>{}</h3>\n<blockquote>{}</blockquote>\n", escaped(what), escaped(text))
        }
    }
}

const STYLE: &str = ":root{color-scheme:light dark;--line:#c8ccd0;--soft:#f2f4f6}\
@media(prefers-color-scheme:dark){:root{--line:#454b52;--soft:#22262b}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{line-height:1.2}h2{margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
th{background:var(--soft)}.facts th{width:14rem}\
blockquote{border-left:4px solid var(--line);background:var(--soft);margin:0;padding:.6rem 1rem}\
@media print{body{margin:0;max-width:none}}";

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A bar would begin the next cell.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
