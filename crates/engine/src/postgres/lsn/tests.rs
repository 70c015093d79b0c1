//! Log positions as text and as numbers.

use super::*;

#[test]
fn text_form_is_that_of_the_server() {
    let lsn: Lsn = "16/B374D848".parse().unwrap();
    assert_eq!(lsn, Lsn(0x16_B374_D848));
    assert_eq!(lsn.to_string(), "16/B374D848");
    assert_eq!(serde_json::to_string(&lsn).unwrap(), "\"16/B374D848\"");
    assert_eq!(serde_json::from_str::<Lsn>("\"0/0\"").unwrap(), Lsn::NONE);
}

#[test]
fn other_texts_are_refused() {
    for text in ["", "/", "1", "1/", "/1", "1/123456789", "+1/2", "g/0", "1/2/3", "1/ 2"] {
        assert!(text.parse::<Lsn>().is_err(), "{text}");
    }
}

#[test]
fn arithmetic_never_wraps() {
    assert_eq!(Lsn(0x1234).align_down(0x1000), Lsn(0x1000));
    assert_eq!(Lsn(0x1001).align_up(0x1000), Lsn(0x2000));
    assert_eq!(Lsn(5) - Lsn(9), 0);
    assert_eq!(Lsn(u64::MAX) + 1, Lsn(u64::MAX));
}
