//! The tables of tools for migrations, as the tools make them, on real servers.

use engine::postgres::migrations::{Migrations, of_cluster};
use engine::postgres::wire::{Conninfo, Defaults};
use testkit::postgres::Server;

use crate::instances::old_and_new;

const TABLES: [(&str, &str); 10] = [
    (
        "ef",
        r#"CREATE TABLE "__EFMigrationsHistory" ("MigrationId" varchar(150) PRIMARY KEY, "ProductVersion" varchar(32) NOT NULL);
        INSERT INTO "__EFMigrationsHistory" VALUES ('20260101000000_First', '8.0.1'), ('20260301120000_AddVat', '8.0.1')"#,
    ),
    (
        "flyway",
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, \
         type varchar(20) NOT NULL, script text, checksum int, installed_by text, installed_on timestamp DEFAULT now(), \
         execution_time int, success boolean NOT NULL); \
         INSERT INTO flyway_schema_history (installed_rank, version, description, type, success) VALUES \
         (1, '1', 'one', 'SQL', true), (2, '1.10', 'two', 'SQL', true), (3, NULL, 'views', 'SQL', true), (4, '2', 'three', 'SQL', false)",
    ),
    (
        "liquibase",
        "CREATE TABLE databasechangelog (id varchar(255) NOT NULL, author text, filename text, dateexecuted timestamp NOT NULL, \
         orderexecuted int NOT NULL, exectype varchar(10) NOT NULL); \
         INSERT INTO databasechangelog VALUES ('b', 'x', 'f', '2026-01-02', 2, 'EXECUTED'), ('z', 'x', 'f', '2026-01-01', 1, 'EXECUTED')",
    ),
    (
        "rails",
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('20251231000000'), ('20260301120000'), ('9')",
    ),
    (
        "django",
        "CREATE TABLE django_migrations (id bigserial PRIMARY KEY, app varchar(255), name varchar(255), applied timestamptz); \
         INSERT INTO django_migrations (app, name) VALUES ('shop', '0001_initial'), ('auth', '0012_alter')",
    ),
    (
        "prisma",
        "CREATE TABLE _prisma_migrations (id varchar(36), checksum text, finished_at timestamptz, migration_name text NOT NULL, \
         logs text, rolled_back_at timestamptz, started_at timestamptz DEFAULT now(), applied_steps_count int DEFAULT 0); \
         INSERT INTO _prisma_migrations (migration_name, finished_at) VALUES ('20260101_a', now()), ('20260201_b', NULL)",
    ),
    (
        "sqlx",
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text, installed_on timestamptz DEFAULT now(), \
         success boolean NOT NULL, checksum bytea, execution_time bigint); \
         INSERT INTO _sqlx_migrations (version, success) VALUES (9, true), (10, true)",
    ),
    (
        "golang",
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (41, true)",
    ),
    ("ecto", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp)"),
    ("none", "CREATE TABLE flyway_schema_history (x int); CREATE TEMP TABLE schema_migrations (version varchar)"),
];

fn told(one: &Migrations) -> (&str, &str, Option<&str>, u64, Option<&str>) {
    (&one.database, &one.tool, one.newest.as_deref(), one.count, one.wrong.as_deref())
}

#[tokio::test]
async fn each_tool_is_recognised_with_its_newest_version() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        for (database, sql) in TABLES {
            server.sql("postgres", &format!("CREATE DATABASE {database}"));
            server.sql(database, sql);
        }
        server.sql("none", "CREATE SCHEMA tenant; CREATE TABLE tenant.schema_migrations (version bigint)");
        let info = Conninfo::parse(&server.socket_url("postgres"), &Defaults::default()).unwrap();
        let found = of_cluster(&info).await.unwrap();
        let expected = [
            ("django", "django", Some("auth.0012_alter"), 2, None),
            ("ecto", "ecto", None, 0, None),
            ("ef", "entity-framework", Some("20260301120000_AddVat"), 2, None),
            ("flyway", "flyway", Some("1.10"), 3, Some("version 2 failed")),
            ("golang", "golang-migrate", Some("41"), 1, Some("version 41 was left half done (dirty)")),
            ("liquibase", "liquibase", Some("b"), 2, None),
            ("none", "rails", None, 0, None),
            ("prisma", "prisma", Some("20260101_a"), 1, Some("20260201_b failed")),
            ("rails", "rails", Some("20260301120000"), 3, None),
            ("sqlx", "sqlx", Some("10"), 2, None),
        ];
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "major {major}");
        assert_eq!(found[6].table, "tenant.schema_migrations");
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_said_to_be_so() {
    let server = Server::builder().start();
    server.sql(
        "postgres",
        "CREATE TABLE schema_migrations (version bigint, dirty text); INSERT INTO schema_migrations VALUES (1, 'x')",
    );
    let info = Conninfo::parse(&server.socket_url("postgres"), &Defaults::default()).unwrap();
    let found = of_cluster(&info).await.unwrap();
    assert!(found[0].wrong.as_deref().unwrap().starts_with("its table cannot be read"), "{found:?}");
}
