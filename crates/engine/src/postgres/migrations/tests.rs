//! Which tool has which table.

use super::*;

#[test]
fn tools_are_recognised_by_name_and_columns() {
    let tool = |table: &str, columns: &str| recognised(table, columns).map(|tool| tool.name);
    assert_eq!(tool("schema_migrations", "version"), Some("rails"));
    assert_eq!(tool("schema_migrations", "version,dirty"), Some("golang-migrate"));
    assert_eq!(tool("schema_migrations", "inserted_at,version"), Some("ecto"));
    assert_eq!(tool("schema_migrations", "id"), None);
    assert_eq!(tool("flyway_schema_history", "installed_rank,version,description,success"), Some("flyway"));
    assert_eq!(tool("flyway_schema_history", "version"), None);
    assert_eq!(tool("__EFMigrationsHistory", "MigrationId,ProductVersion"), Some("entity-framework"));
    assert_eq!(tool("__efmigrationshistory", "MigrationId"), None);
}

#[test]
fn every_tool_asks_for_the_same_columns() {
    for tool in &TOOLS {
        for column in ["AS newest", "AS count", "AS wrong"] {
            assert_eq!(tool.asks.matches(column).count(), 1, "{} {column}", tool.name);
        }
        assert!(tool.asks.contains("{}"), "{}", tool.name);
    }
}
