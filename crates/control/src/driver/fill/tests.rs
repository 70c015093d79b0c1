//! Placeholders among braces that are none.

use super::*;

fn told() -> BTreeMap<String, String> {
    [("stack", "shop"), ("port", "5432")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn only_names_in_braces_are_filled() {
    let cases = [
        ("{stack}:{port}", "shop:5432"),
        (r#"{"a": {}, "b": "{stack}", "c": {"d": [{}]}}"#, r#"{"a": {}, "b": "shop", "c": {"d": [{}]}}"#),
        ("{{stack}} and {{.Names}} and {1} and {Stack}", "{stack} and {{.Names}} and {1} and {Stack}"),
        ("{", "{"),
        ("{stack", "{stack"),
        ("a{{stack}", "a{shop"),
        ("ü{stack}ü", "üshopü"),
    ];
    for (text, expected) in cases {
        assert_eq!(fill(text, &told(), plain).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_filled_in_is_not_filled_again() {
    let told = BTreeMap::from([("stack".to_owned(), "{port}".to_owned())]);
    assert_eq!(fill("{stack}", &told, plain).unwrap(), "{port}");
}

#[test]
fn what_is_not_told_is_refused() {
    let trouble = fill("{moment}", &told(), plain).unwrap_err();
    assert_eq!(trouble.what, "nothing is told here for {moment}");
    let hint = "what is told: {port}, {stack}; write {{moment}} when the braces themselves are meant";
    assert_eq!(trouble.hint.as_deref(), Some(hint));
    assert_eq!(unknown("{stack} {moment} {{other}}", &["stack"]), Some("moment"));
}
