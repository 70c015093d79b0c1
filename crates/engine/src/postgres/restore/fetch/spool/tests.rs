//! The spool of a real vault's log: what lies in it, what is delivered, what is left.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::test_vault::{new_vault, receive, shop};

const SEGMENT: u64 = 1 << 20;
/// The last of seven segments is half there.
const LOG_END: u64 = 6 * SEGMENT + SEGMENT / 2;

/// A vault with log of timeline 1 from 0 to `LOG_END`, and a directory to restore to.
struct Place {
    index: LogIndex,
    folder: TempDir,
}

impl Place {
    async fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let vault = new_vault(&folder).await;
        receive(&vault, 1, &log(0, LOG_END), SEGMENT).await;
        fs::create_dir_all(folder.path().join("data/pg_wal")).unwrap();
        Place { index: LogIndex::load(&vault, &shop()).await.unwrap(), folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn spool(&self, ahead_segments: u64) -> Arc<Spool> {
        let lineage = Lineage::load(&self.index, 1).await.unwrap();
        let (end, ahead_bytes) = (Lsn(LOG_END), ahead_segments * SEGMENT);
        let order = Order { lineage, segment_bytes: SEGMENT, end, ahead_bytes, into: self.data(), owner: None };
        Spool::new(self.index.clone(), order)
    }

    /// Numbers of the segments in the spool.
    fn lying(&self) -> Vec<u64> {
        let names = fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let numbers = names.filter_map(|name| Some(Segment::parse(name.strip_prefix(SPOOL)?, SEGMENT)?.number));
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }

    async fn wait_for(&self, wanted: &[u64]) {
        for _ in 0..3000 {
            if self.lying() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{wanted:?} never lay in the spool, but {:?}", self.lying());
    }

    /// As the server's shell does.
    fn take(&self, number: u64) {
        let from = self.data().join(format!("{SPOOL}{}", name(number)));
        fs::rename(from, self.data().join("pg_wal").join(name(number))).unwrap();
    }
}

fn log(from: u64, to: u64) -> Vec<u8> {
    (from..to).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn name(number: u64) -> String {
    Segment { timeline: 1, number }.file_name(SEGMENT)
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_as_the_server_takes_files_and_ends_at_the_target() {
    let place = Place::new().await;
    let spool = place.spool(2).await;
    spool.fetch_ahead(Segment { timeline: 1, number: 0 }).await;
    let topping = tokio::spawn(top_up(spool.clone()));
    place.wait_for(&[0, 1, 2]).await;
    place.take(0);
    place.wait_for(&[1, 2, 3]).await;
    place.take(1);
    place.take(2);
    place.wait_for(&[3, 4, 5]).await;
    place.take(3);
    place.take(4);
    place.wait_for(&[5, 6]).await;
    topping.abort();
    let last = fs::read(place.data().join(format!("{SPOOL}{}", name(6)))).unwrap();
    let half = (SEGMENT / 2) as usize;
    assert_eq!(last.len(), SEGMENT as usize);
    assert!(last[..half] == log(6 * SEGMENT, LOG_END) && last[half..].iter().all(|byte| *byte == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_delivered_as_often_as_it_is_asked_for() {
    let place = Place::new().await;
    let spool = place.spool(2).await;
    let dest = Path::new("pg_wal/RECOVERYXLOG");
    for number in [1, 1, 5, 1] {
        assert!(spool.deliver(&name(number), dest).await.unwrap());
        let delivered = fs::read(place.data().join(dest)).unwrap();
        assert!(delivered == log(number * SEGMENT, (number + 1) * SEGMENT), "segment {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_lacks_is_absent() {
    let place = Place::new().await;
    let spool = place.spool(2).await;
    for lacking in [&name(7), "00000002.history", "000000020000000000000001", "../../etc/passwd", ""] {
        assert!(!spool.deliver(lacking, Path::new("pg_wal/RECOVERYXLOG")).await.unwrap(), "{lacking}");
    }
    assert!(!place.data().join("pg_wal/RECOVERYXLOG").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error_and_not_an_end() {
    let place = Place::new().await;
    let logs = place.folder.path().join("vault/logs/shop");
    fs::rename(&logs, place.folder.path().join("gone")).unwrap();
    let spool = place.spool(2).await;
    assert!(spool.deliver(&name(3), Path::new("pg_wal/RECOVERYXLOG")).await.is_err());
    // And again: a failure is not remembered as an absence.
    assert!(spool.deliver(&name(3), Path::new("pg_wal/RECOVERYXLOG")).await.is_err());
    fs::rename(place.folder.path().join("gone"), &logs).unwrap();
    assert!(spool.deliver(&name(3), Path::new("pg_wal/RECOVERYXLOG")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_in_the_middle_leaves_nothing_behind() {
    for pause in 0..20 {
        let place = Place::new().await;
        fs::write(place.data().join(format!("{SPOOL_PART}{}", name(3))), "of a restore that was killed").unwrap();
        let spool = place.spool(6).await;
        spool.fetch_ahead(Segment { timeline: 1, number: 0 }).await;
        tokio::time::sleep(Duration::from_micros(500 * pause)).await;
        spool.close().await;
        let left: Vec<_> = fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["pg_wal"]);
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(fs::read_dir(place.data()).unwrap().count(), 1);
    }
}
