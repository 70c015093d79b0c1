//! Backup labels as the server writes them.

use super::*;

#[test]
fn a_label_names_its_timeline() {
    let text = "START WAL LOCATION: 0/2000028 (file 000000030000000000000002)\nCHECKPOINT LOCATION: 0/2000060\n\
                BACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIME: x\nLABEL: rekindle\nSTART TIMELINE: 3\n";
    assert_eq!(Label::parse(text).unwrap(), Label { timeline: 3 });
    assert!(Label::parse("LABEL: x").is_err());
}
