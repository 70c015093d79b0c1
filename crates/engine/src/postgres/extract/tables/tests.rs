//! Names as people write them.

use super::*;

#[test]
fn a_table_has_a_schema() {
    let parsed = TableName::parse("Public.\"Or.der\"\"s\"").unwrap();
    assert_eq!((parsed.schema.as_str(), parsed.name.as_str()), ("public", "Or.der\"s"));
    assert_eq!(parsed.sql(), "\"public\".\"Or.der\"\"s\"");
    for wrong in ["orders", "", ".", "a.", ".b", "a.b.c", "\"a.b", &format!("a.{}", "x".repeat(64))] {
        assert_eq!(TableName::parse(wrong).unwrap_err().code(), "RK-2091", "{wrong}");
    }
}
