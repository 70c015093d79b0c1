//! What a link opens, for how long, and what it does not open.

use super::*;

const KEY: [u8; 32] = [7; 32];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_link_opens_its_report_until_it_expires() {
    let link = link_of(&KEY, "0a1b", at(1000));
    assert_eq!(operation_of(&KEY, &link, at(999)), Some("0a1b".to_owned()));
    assert_eq!(operation_of(&KEY, &link, at(1000)), None);
}

#[test]
fn whatever_is_changed_in_a_link_it_opens_nothing() {
    let link = link_of(&KEY, "0a1b", at(1000));
    let (what, seal) = link.rsplit_once('.').unwrap();
    let forged = [
        link.replace("0a1b", "0a1c"),
        link.replace("1000", "9000"),
        format!("{what}.{}", seal.replace(&seal[..4], "0000")),
        format!("{what}."),
        what.to_owned(),
        String::new(),
    ];
    for link in forged {
        assert_eq!(operation_of(&KEY, &link, at(0)), None, "{link}");
    }
    assert_eq!(operation_of(&[8; 32], &link, at(0)), None, "of another vault");
}
