//! What each fact about a server leads to.

use std::fs;

use testkit::postgres::Server;

use super::*;
use crate::postgres::control_file::{self, ControlFile};
use crate::postgres::wire::Defaults;

#[test]
fn a_directory_is_ours_only_with_our_identifier() {
    let server = Server::builder().create();
    let dir = server.data_dir();
    let ours = ControlFile::parse(&fs::read(dir.join(control_file::PATH)).unwrap()).unwrap().system_identifier;
    assert_eq!(facts::why_not_ours(&dir, ours), None);
    assert!(facts::why_not_ours(&dir, ours + 1).unwrap().contains("another cluster"));
    assert!(facts::why_not_ours(server.home(), ours).unwrap().contains("pg_control"));
    fs::write(dir.join(control_file::PATH), [0; 10]).unwrap();
    assert!(facts::why_not_ours(&dir, ours).unwrap().contains("damaged"));
}

#[tokio::test]
async fn an_unreadable_data_directory_and_an_in_place_tablespace_are_found() {
    let server = Server::builder().start();
    let defaults = Defaults { user: "postgres".into(), ..Defaults::default() };
    let info = Conninfo::parse(&server.url("postgres"), &defaults).unwrap();
    let mut facts = inspect(&info).await.unwrap().facts;
    facts.data_unreadable = Some("permission denied".into());
    facts.tablespaces.push(Tablespace {
        oid: 1,
        name: "odd".into(),
        location: "".into(),
        in_place: true,
        unreadable: None,
    });
    let findings = findings::judge(&facts, &info);
    let severity = |part: &str| findings.iter().find(|finding| finding.title.contains(part)).unwrap().severity;
    assert_eq!(severity("data cannot be read"), Severity::Blocks);
    assert_eq!(severity("tablespace odd lies"), Severity::Warns);
}
