//! The record of pages: what it says now, and what it says after a crash.

use super::*;

const BACKUP: [u8; 32] = [7; 32];

/// Two files, the second's bits behind the first's.
const FIRST: Bits = Bits { first_word: 0, pages: 70 };
const SECOND: Bits = Bits { first_word: 2, pages: 3 };

fn created() -> (tempfile::TempDir, Presence) {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::create(&folder.path().join("presence"), &BACKUP, 3).unwrap();
    (folder, presence)
}

fn reopened(folder: &tempfile::TempDir) -> Presence {
    Presence::open(&folder.path().join("presence"), &BACKUP, 3).unwrap()
}

fn pages(presence: &Presence, bits: Bits) -> Vec<u64> {
    (0..bits.pages).filter(|page| presence.is_present(bits, *page)).collect()
}

#[test]
fn a_page_is_present_in_its_own_file_only() {
    let (_folder, presence) = created();
    presence.set(FIRST, 69);
    presence.set(SECOND, 2);
    assert_eq!(pages(&presence, FIRST), [69]);
    assert_eq!(pages(&presence, SECOND), [2]);
    assert_eq!(presence.count(FIRST), 1);
}

#[test]
fn what_was_not_recorded_is_not_there_after_a_crash() {
    let (folder, presence) = created();
    presence.set(FIRST, 1);
    let taken = presence.take(FIRST);
    presence.set(FIRST, 2);
    presence.set(SECOND, 0);
    presence.record(&taken).unwrap();
    let after = reopened(&folder);
    assert_eq!((pages(&after, FIRST), pages(&after, SECOND)), (vec![1], vec![]));
    presence.record(&presence.take_all()).unwrap();
    let after = reopened(&folder);
    assert_eq!((pages(&after, FIRST), pages(&after, SECOND)), (vec![1, 2], vec![0]));
    assert!(after.take_all().is_empty());
}

#[test]
fn an_older_record_put_later_takes_nothing_back() {
    let (folder, presence) = created();
    presence.set(FIRST, 1);
    let older = presence.take_all();
    presence.set(FIRST, 2);
    presence.record(&presence.take(FIRST)).unwrap();
    presence.record(&older).unwrap();
    assert_eq!(pages(&reopened(&folder), FIRST), [1, 2]);
    assert!(presence.take_all().is_empty());
}

#[test]
fn from_a_page_on_means_to_the_end_and_not_beyond() {
    for first in [0, 1, 63, 64, 65, 69, 70, 200] {
        let (_folder, presence) = created();
        presence.set_from(FIRST, first);
        assert_eq!(pages(&presence, FIRST), (first..70).collect::<Vec<_>>(), "from {first}");
        assert_eq!(presence.count(FIRST), 70u64.saturating_sub(first));
        assert_eq!(presence.is_whole(FIRST), first == 0);
        assert_eq!(presence.count(SECOND), 0);
    }
}

#[test]
fn the_record_of_another_backup_is_refused() {
    let (folder, _presence) = created();
    let path = folder.path().join("presence");
    assert!(matches!(Presence::open(&path, &[8; 32], 3), Err(Error::Foreign { .. })));
    assert!(matches!(Presence::open(&path, &BACKUP, 4), Err(Error::Foreign { .. })));
    File::options().write(true).open(&path).unwrap().set_len(70).unwrap();
    assert!(matches!(Presence::open(&path, &BACKUP, 3), Err(Error::File { .. })));
}
