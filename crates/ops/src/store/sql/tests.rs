//! How the lists are found.

use super::*;

#[derive(Debug)]
struct Epoch;

impl crate::db::Clock for Epoch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// A catalog of years is asked as quickly as one of a day.
#[tokio::test]
async fn no_list_looks_at_all_that_ever_was() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::sqlite(&folder.path().join("catalog.db"), std::sync::Arc::new(Epoch)).await.unwrap();
    let store = SqlStore::open(db).await.unwrap();
    let Db::Sqlite { writer, .. } = store.db() else { unreachable!() };
    let (kind, subject) = (Some("backup".to_owned()), Some("shop".to_owned()));
    let filters = [
        Filter::default(),
        Filter { kind: kind.clone(), ..Filter::default() },
        Filter { subject: subject.clone(), ..Filter::default() },
        Filter { kind, subject, ..Filter::default() },
        Filter { unfinished: true, ..Filter::default() },
    ];
    let mut questions: Vec<String> = filters.iter().map(|filter| list(filter).0).collect();
    questions.push(SQLITE_DUE.to_owned());
    for question in questions {
        let asked = sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}")));
        let plan: Vec<(i64, i64, i64, String)> = asked.fetch_all(writer).await.unwrap();
        let told: Vec<&str> = plan.iter().map(|row| row.3.as_str()).collect();
        assert!(told[0].starts_with("SEARCH run USING"), "{question}: {told:?}");
        assert!(!told.contains(&"USE TEMP B-TREE FOR ORDER BY"), "{question}: {told:?}");
    }
}
