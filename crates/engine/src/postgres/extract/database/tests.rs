//! Statements made from a description.

use super::*;

#[test]
fn a_database_is_made_with_its_locale() {
    let database = Database {
        owner: "An\"n".into(),
        encoding: "UTF8".into(),
        collate: "C".into(),
        ctype: "C".into(),
        provider: "i".into(),
        locale: Some("de".into()),
        connection_limit: 5,
        ..Database::default()
    };
    let plain = "CREATE DATABASE \"x y\" TEMPLATE template0 OWNER \"An\"\"n\" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' CONNECTION LIMIT 5";
    assert_eq!(database.create_statement("x y", 16), format!("{plain} LOCALE_PROVIDER icu ICU_LOCALE 'de'"));
    assert_eq!(database.create_statement("x y", 14), plain);
    let libc = Database { provider: "c".into(), locale: None, ..database };
    assert_eq!(libc.create_statement("x y", 15), format!("{plain} LOCALE_PROVIDER libc"));
}

#[test]
fn settings_keep_their_lists() {
    let statement =
        |role: Option<&str>, text: &str| Setting { role: role.map(str::to_owned), text: text.into() }.statement("d");
    assert_eq!(
        statement(None, "search_path=\"$user\", app, \"a,b\""),
        "ALTER DATABASE \"d\" SET \"search_path\" TO '$user', 'app', 'a,b'"
    );
    assert_eq!(statement(None, "work_mem=5MB"), "ALTER DATABASE \"d\" SET \"work_mem\" TO '5MB'");
    assert_eq!(
        statement(Some("ann"), "my.text=a, b"),
        "ALTER ROLE \"ann\" IN DATABASE \"d\" SET \"my\".\"text\" TO 'a, b'"
    );
}

#[test]
fn rights_are_given_back_one_by_one() {
    let bare = Database { owner: "o".into(), ..Database::default() };
    assert_eq!(bare.finish_statements("d"), ["GRANT CONNECT, TEMPORARY ON DATABASE \"d\" TO PUBLIC"]);
    let none = Database { grants: Some(Vec::new()), comment: Some("it's".into()), ..bare };
    assert_eq!(
        none.finish_statements("d"),
        ["COMMENT ON DATABASE \"d\" IS 'it''s'", "REVOKE ALL ON DATABASE \"d\" FROM PUBLIC, \"o\""]
    );
}
