//! Manifest tables round trip and keep their order.

use proptest::prelude::*;

use super::*;

fn extent(n: u8) -> ExtentRef {
    ExtentRef { pack: PackId([n; 16]), offset: 64, length: 300 }
}

fn sample() -> ManifestTable {
    ManifestTable {
        lists: vec![extent(1), extent(2)],
        tail: Some(extent(3)),
        packs: (1..4).map(|n| PackInfo { id: PackId([n; 16]), size: 5000 + u64::from(n) }).collect(),
    }
}

#[test]
fn tables_round_trip() {
    for table in [sample(), ManifestTable::default()] {
        assert_eq!(ManifestTable::decode(&table.encode()).unwrap(), table);
    }
}

#[test]
fn packs_out_of_order_are_refused() {
    let mut table = sample();
    table.packs.swap(0, 1);
    assert!(ManifestTable::decode(&table.encode()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ManifestTable::decode(&bytes);
    }
}
