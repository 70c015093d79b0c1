//! What was sealed opens, and nothing else does.

use super::*;
use crate::names::PackId;

fn keys() -> Keys {
    Keys::derive(&[7; 32], [9; 16])
}

fn report() -> Name {
    Name::Report("shop".parse().unwrap(), "r1".into())
}

fn sealed() -> Vec<u8> {
    let mut compressor = Compressor::new(3).unwrap();
    let mut sealer = Sealer::new(&keys(), Kind::Report, &report(), &Env::system(), 0);
    sealer.append(Class::Head, b"{\"a\":1}", &mut compressor).unwrap();
    sealer.append(Class::Bytes, &[5; 3000], &mut compressor).unwrap();
    sealer.finish(&mut compressor).unwrap()
}

#[test]
fn what_was_sealed_opens() {
    let frames = open_all(&keys(), Kind::Report, &report(), &sealed()).unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[0].class, frames[0].raw.as_slice()), (Class::Head, b"{\"a\":1}".as_slice()));
    assert_eq!(frames[1].raw, [5; 3000]);
}

#[test]
fn every_flipped_bit_is_detected() {
    let good = sealed();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(open_all(&keys(), Kind::Report, &report(), &bad).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_detected() {
    let good = sealed();
    for length in 0..good.len() {
        assert!(open_all(&keys(), Kind::Report, &report(), &good[..length]).is_err(), "{length} bytes");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert!(open_all(&keys(), Kind::Report, &report(), &longer).is_err());
}

#[test]
fn another_name_vault_or_kind_does_not_open() {
    let good = sealed();
    let other_name = Name::Report("shop".parse().unwrap(), "r2".into());
    assert!(open_all(&keys(), Kind::Report, &other_name, &good).is_err());
    assert!(open_all(&Keys::derive(&[7; 32], [8; 16]), Kind::Report, &report(), &good).is_err());
    assert!(open_all(&Keys::derive(&[6; 32], [9; 16]), Kind::Report, &report(), &good).is_err());
    assert!(open_all(&keys(), Kind::Note, &report(), &good).is_err());
}

#[test]
fn a_newer_format_is_named_as_such() {
    let mut newer = sealed();
    newer[8] = 2;
    let error = open_all(&keys(), Kind::Report, &report(), &newer).unwrap_err();
    assert_eq!(error.code(), "RK-1005", "{error}");
}

#[test]
fn an_extent_opens_without_its_packs_head() {
    let name = Name::Pack(PackId([3; 16]));
    let mut compressor = Compressor::new(3).unwrap();
    let mut sealer = Sealer::new(&keys(), Kind::Pack, &name, &Env::system(), 0);
    let place = sealer.append(Class::Pages, &[1; 8192], &mut compressor).unwrap();
    let bytes = sealer.finish(&mut compressor).unwrap();
    let frame = &bytes[place.offset as usize..][..place.length as usize];
    let mut opener = Opener::for_pack(&keys(), &name);
    assert_eq!(opener.open(u64::from(place.offset), frame, Class::Pages).unwrap(), [1; 8192]);
    assert!(opener.open(u64::from(place.offset) + 1, frame, Class::Pages).is_err(), "a moved frame must not open");
    assert!(opener.open(u64::from(place.offset), frame, Class::Map).is_err(), "the class is part of what is sealed");
}

#[test]
fn two_objects_of_one_name_share_no_key_stream() {
    let (first, second) = (sealed(), sealed());
    assert_ne!(first[HEADER_LENGTH..], second[HEADER_LENGTH..]);
}
