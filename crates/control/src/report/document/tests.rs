//! One document in both forms.

use super::*;

fn document() -> Document {
    let mut document = Document { title: "Restore of <shop>".into(), intro: "by \"ann\" & bob".into(), parts: vec![] };
    document.parts.push(Part::Facts(vec![("asked for", "a | b\nc".into())]));
    document.list("Nothing", &[]);
    document.list("Notes", &["<script>alert(1)</script>".into()]);
    document.table("Rows", &["table", "rows"], vec![vec!["a'b".into(), "3".into()]]);
    document.parts.push(Part::Text("so it was".into()));
    document.parts.push(Part::Quote("After", "it is over".into()));
    document
}

#[test]
fn markdown_keeps_its_shape_whatever_it_tells() {
    let expected = "\
# Restore of <shop>

by \"ann\" & bob

| | |
|---|---|
| asked for | a \\| b c |

## Notes

- <script>alert(1)</script>

## Rows

| table | rows |
|---|---|
| a'b | 3 |

so it was

**After**

> it is over
";
    assert_eq!(document().markdown(), expected);
}

#[test]
fn a_page_needs_nothing_else_and_runs_nothing() {
    let page = document().html();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for told in [
        "<title>Restore of &lt;shop&gt;</title>",
        "<p>by &quot;ann&quot; &amp; bob</p>",
        "<td>a | b\nc</td>",
        "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>",
        "<td>a&#39;b</td>",
        "<blockquote>it is over</blockquote>",
        "prefers-color-scheme:dark",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
    for foreign in ["<script", "http:", "https:", "url(", "@import", "src=", "href="] {
        assert!(!page.contains(foreign), "{foreign}\n{page}");
    }
}
