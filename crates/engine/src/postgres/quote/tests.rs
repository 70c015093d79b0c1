//! Quotes inside quotes, and names that are no names.

use super::*;

#[test]
fn names_and_texts_are_quoted() {
    assert_eq!(ident("Or\"der s"), "\"Or\"\"der s\"");
    assert_eq!(literal("it's"), "'it''s'");
    assert_eq!(literal(r"a\'b"), r" E'a\\''b'");
    assert_eq!(dbname(r"a' b\"), r"dbname='a\' b\\'");
}

#[test]
fn names_are_parted_at_bare_separators_only() {
    let parts = |text: &str| split(text, '.').unwrap_or_default();
    assert_eq!(parts("Public.Orders"), ["public", "orders"]);
    assert_eq!(parts(r#""Pub.lic"."Or""ders s""#), ["Pub.lic", "Or\"ders s"]);
    assert_eq!(parts("orders"), ["orders"]);
    assert_eq!(parts(" a . b "), ["a", "b"]);
    assert_eq!(parts("a."), ["a", ""]);
    assert_eq!(split("\"$user\", public", ',').unwrap(), ["$user", "public"]);
    for broken in ["\"a", "\"a\"b.c", "a\"b\".c"] {
        assert_eq!(split(broken, '.'), None, "{broken}");
    }
}

#[test]
fn a_name_that_is_too_long_is_cut_behind_a_whole_character() {
    assert_eq!(name_with("app", "_restored"), "app_restored");
    assert_eq!(name_with(&"n".repeat(63), "_restored"), format!("{}_restored", "n".repeat(54)));
    let cut = name_with(&"ä".repeat(31), "_restored");
    assert_eq!((cut.len(), cut), (63, format!("{}_restored", "ä".repeat(27))));
}
