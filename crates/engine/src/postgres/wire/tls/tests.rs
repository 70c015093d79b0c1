//! What each sslmode checks of a certificate.

use super::*;

#[test]
fn binding_reads_the_signature_algorithm_and_survives_garbage() {
    // SEQUENCE { SEQUENCE {}, SEQUENCE { OID ecdsa-with-SHA384 } }
    let certificate = [0x30, 0x0d, 0x30, 0x00, 0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    assert_eq!(end_point_binding(&certificate).map(|hash| hash.len()), Some(32));
    for cut in 0..certificate.len() {
        assert_eq!(end_point_binding(&certificate[..cut]), None);
    }
    assert_eq!(end_point_binding(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
}
