//! Names come back as they were written, and nothing else is taken for one.

use proptest::prelude::*;

use super::*;

fn every_kind() -> Vec<Name> {
    let source: SourceName = "shop".parse().unwrap();
    let backup: BackupId = "20261121t034500z-7f3a91c2".parse().unwrap();
    let range = LogRange { timeline: 3, from: 0x16_0000_0028, to: 0x16_0100_0000 };
    vec![
        Name::Vault,
        Name::Key("a1b2".into()),
        Name::Pack(PackId([0xab; 16])),
        Name::Manifest(source.clone(), backup.clone()),
        Name::Pin(source.clone(), backup.clone(), 7),
        Name::Proof(source.clone(), backup.clone(), u64::MAX),
        Name::Expired(source.clone(), backup, 1_700_000_000_000_000),
        Name::LogPart(source.clone(), range),
        Name::LogFolded(source.clone(), range),
        Name::LogHistory(source.clone(), 3),
        Name::LogMark { source: source.clone(), timeline: 1, position: 9, micros: 1_000_000 },
        Name::Report(source, "20261121t034500z-restore".into()),
        Name::Catalog { micros: 1_700_000_000_000_000, part: CatalogPart::State },
        Name::Catalog { micros: 7, part: CatalogPart::History },
        Name::Secrets { stack: "hub".parse().unwrap(), micros: 1_700_000_000_000_000 },
        Name::Audit { chain: [0xcd; 16], from: 1, to: 300 },
        Name::Probe("00ff".into()),
    ]
}

#[test]
fn parse_is_the_inverse_of_display() {
    for name in every_kind() {
        assert_eq!(Name::parse(&name.to_string()), Some(name));
    }
}

#[test]
fn byte_order_is_log_order() {
    let source: SourceName = "s".parse().unwrap();
    let part = |from, to| Name::LogPart(source.clone(), LogRange { timeline: 1, from, to }).to_string();
    assert!(part(9, 10) < part(10, 11) && part(0xff, 0x100) < part(0x100, 0x101));
}

#[test]
fn near_misses_are_not_names() {
    for text in [
        "packs/ab/ABABABABABABABABABABABABABABABAB",
        "packs/cd/abababababababababababababababab",
        "packs/abababababababababababababababab",
        "logs/shop/00000001/0000000000000009-0000000000000009.part",
        "logs/shop/1/0000000000000001-0000000000000009.part",
        "backups/../20261121t034500z-7f3a91c2/manifest",
        "backups/shop/latest/manifest",
        "audit/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd/0000000000000002-0000000000000001",
        "audit/cd/0000000000000001-0000000000000001",
        "vault.json/",
        "catalog/0000000000000007-states",
        "catalog/7-state",
        "",
    ] {
        assert_eq!(Name::parse(text), None, "{text}");
    }
}

#[test]
fn source_names_keep_to_a_small_alphabet() {
    for good in ["a", "shop", "shop-eu_1", "0x"] {
        assert!(good.parse::<SourceName>().is_ok(), "{good}");
    }
    for bad in ["", "-a", "Shop", "a/b", "a b", "..", &"x".repeat(64)] {
        assert!(bad.parse::<SourceName>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn parse_never_panics_and_never_invents(text in ".{0,90}") {
        if let Some(name) = Name::parse(&text) {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
