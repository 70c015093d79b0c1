//! pg_control: what is refused.

use super::*;

#[test]
fn nothing_and_garbage_are_refused() {
    assert_eq!(ControlFile::parse(&[]).unwrap_err().code(), "RK-2030");
    assert_eq!(ControlFile::parse(&[0; FILE_BYTES]).unwrap_err().code(), "RK-2031");
    let mut zeroes = [0; FILE_BYTES];
    zeroes[VERSION_OFFSET..VERSION_OFFSET + 4].copy_from_slice(&1800_u32.to_le_bytes());
    assert_eq!(ControlFile::parse(&zeroes).unwrap_err().code(), "RK-2030");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_answered(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 12..400), pick in 0..3_usize) {
        let version: u32 = [1300, 1700, 1800][pick];
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let _ = ControlFile::parse(&bytes);
    }
}
