//! What the programs are told, and the table of contents.

use super::*;
use crate::postgres::wire::Defaults;

fn environment_of(text: &str, settings: &[String]) -> Vec<(String, String)> {
    libpq_environment(&Conninfo::parse(text, &Defaults::default()).unwrap(), settings.to_vec()).unwrap()
}

#[test]
fn a_connection_becomes_an_environment() {
    let text = "postgres://ann:s%20ecret@db.example:5433/x?hostaddr=10.0.0.1&sslmode=require&connect_timeout=7&options=-cx%3D1";
    let expected = [
        ("PGHOST", "db.example"),
        ("PGHOSTADDR", "10.0.0.1"),
        ("PGPORT", "5433"),
        ("PGUSER", "ann"),
        ("PGPASSWORD", "s ecret"),
        ("PGSSLMODE", "require"),
        ("PGCONNECT_TIMEOUT", "7"),
        ("PGAPPNAME", "rekindle"),
        ("PGOPTIONS", "-cx=1 -c statement_timeout=0"),
    ];
    assert_eq!(
        environment_of(text, &["-c statement_timeout=0".to_owned()]),
        expected.map(|(name, value)| (name.into(), value.into()))
    );
    let names = environment_of("host=/run user=ann", &[]).into_iter().map(|(name, _)| name);
    assert_eq!(names.collect::<Vec<_>>(), ["PGHOST", "PGPORT", "PGUSER", "PGSSLMODE", "PGAPPNAME"]);
}

#[test]
fn entries_are_read_and_left_out_by_object() {
    let text = "; Archive created\n;\n3306; 2606 16433 FK CONSTRAINT public a b c postgres\n\
                3310; 0 0 COMMENT public CONSTRAINT b ON a postgres\n3; 6106 99 PUBLICATION TABLE public p a x\n\
                7; 1259 16400 TABLE public PUBLICATION x\n";
    let entries: Vec<Entry> = text.lines().filter_map(Entry::parse).collect();
    assert_eq!(
        entries.iter().map(|entry| entry.object).collect::<Vec<_>>(),
        [(2606, 16433), (0, 0), (6106, 99), (1259, 16400)]
    );
    let (objects, comments) = (BTreeSet::from([(2606, 16433)]), ["CONSTRAINT b ON ".to_owned()]);
    let out = entries.iter().map(|entry| entry.is_left_out(&objects, &comments)).collect::<Vec<_>>();
    assert_eq!(out, [true, true, true, false]);
}
