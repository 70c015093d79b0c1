//! Each thing that may differ, one at a time.

use crate::postgres::info::{ClusterInfo, Database, Extension, Relation, Sequence};
use crate::postgres::lsn::Lsn;

fn database() -> Database {
    let relation =
        Relation { schema: "public".into(), name: "orders".into(), kind: "r".into(), rows: 2_000, pages: 20 };
    Database {
        name: "shop".into(),
        oid: 5,
        relations_total: 1,
        relations: vec![relation],
        schemas: vec!["audit".into(), "public".into()],
        extensions: vec![Extension { name: "pg_trgm".into(), version: "1.6".into() }],
        sequences: vec![Sequence { name: "public.orders_id_seq".into(), last: 100, step: 1 }],
        collation_version: Some("2.36".into()),
    }
}

fn recorded() -> ClusterInfo {
    ClusterInfo {
        major: 15,
        version: "15".into(),
        system_identifier: "1".into(),
        wal_segment_bytes: 16 << 20,
        checksums: true,
        from_standby: false,
        start: Lsn(0),
        stop: Lsn(0),
        data_directory: String::new(),
        owner: "postgres".into(),
        superuser: "postgres".into(),
        tablespaces: vec![],
        outside_config: vec![],
        databases: vec![database()],
        roles: vec!["app".into(), "postgres".into()],
        left_out: Default::default(),
    }
}

fn found(change: impl FnOnce(&mut Database, &mut Vec<String>)) -> Vec<String> {
    let (mut now, mut roles) = (database(), recorded().roles);
    change(&mut now, &mut roles);
    super::compare(&recorded(), &[now], &roles)
}

#[test]
fn what_is_as_it_was_is_not_told() {
    assert_eq!(found(|_, _| {}), Vec::<String>::new());
    let more = found(|now, roles| {
        roles.push("new".into());
        now.schemas.push("new".into());
        now.sequences[0].last = 5_000;
        now.relations[0].rows = 3_999;
    });
    assert_eq!(more, Vec::<String>::new());
}

#[test]
fn each_difference_is_told() {
    let one = |change: fn(&mut Database, &mut Vec<String>)| {
        let told = found(change);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert!(one(|_, roles| drop(roles.remove(0))).starts_with("role app of the backup is not there"));
    assert!(one(|now, _| drop(now.schemas.remove(0))).starts_with("schema shop.audit of the backup is not there"));
    assert!(one(|now, _| now.extensions.clear()).starts_with("extension pg_trgm of database shop of the backup"));
    assert_eq!(
        one(|now, _| now.extensions[0].version = "1.5".into()),
        "extension pg_trgm of database shop has version 1.5, the backup had 1.6"
    );
    assert!(
        one(|now, _| now.sequences[0].last = 7)
            .starts_with("sequence shop.public.orders_id_seq stands at 7, the backup")
    );
    assert!(one(|now, _| now.collation_version = Some("2.31".into())).contains("REINDEX"));
    assert!(one(|now, _| now.relations[0].rows = 4_001).contains("about 4001 rows, the backup had about 2000"));
    assert!(one(|now, _| now.oid = 6).starts_with("database shop of the backup is not there"));
    let small = one(|now, _| {
        now.relations.clear();
        now.relations_total = 0;
    });
    assert!(small.starts_with("shop.public.orders of the backup is not there"));
}

#[test]
fn what_was_not_recorded_or_was_cut_is_not_missed() {
    let mut old = recorded();
    (old.roles, old.databases[0].schemas, old.databases[0].collation_version) = (vec![], vec![], None);
    (old.databases[0].extensions, old.databases[0].sequences) = (vec![], vec![]);
    assert_eq!(super::compare(&old, &[database()], &[]), Vec::<String>::new());
    let cut = found(|_, roles| *roles = (0..super::NAMES_KEPT).map(|n| format!("r{n}")).collect());
    assert_eq!(cut, Vec::<String>::new());
    let elsewhere = found(|now, _| now.collation_version = None);
    assert_eq!(elsewhere, Vec::<String>::new());
    let mut down = recorded();
    down.databases[0].sequences[0].step = -1;
    assert_eq!(
        super::compare(&down, &[Database { sequences: vec![], ..database() }], &down.roles),
        Vec::<String>::new()
    );
}

#[test]
fn a_record_of_an_earlier_version_is_read() {
    let mut old = serde_json::to_value(recorded()).unwrap();
    old.as_object_mut().unwrap().remove("roles");
    let database = old["databases"][0].as_object_mut().unwrap();
    ["schemas", "extensions", "sequences", "collation_version"].iter().for_each(|new| drop(database.remove(*new)));
    let read: ClusterInfo = serde_json::from_value(old).unwrap();
    assert!(read.roles.is_empty() && read.databases[0].extensions.is_empty());
}
