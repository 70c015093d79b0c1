//! Log goes in as it comes and comes out unbroken, also after a crash between any two puts.

use vault::Vault;
use vault::format::log::{Moment, NamedPoint};
use vault::log::read::LogIndex;
use vault::log::write::LogWriter;
use vault::names::{LogRange, SourceName};

use crate::support::new_vault;

const FOLD: u64 = 1 << 16;

fn source() -> SourceName {
    "shop".parse().unwrap()
}

fn byte_at(position: u64) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 13) as u8
}

async fn receive(vault: &Vault, to: u64, step: u64, fold_too: bool) -> LogWriter {
    let mut writer = LogWriter::resume(vault, &source(), 1, Some(100), FOLD).await.unwrap();
    while writer.durable() < to {
        let from = writer.received();
        let bytes: Vec<u8> = (from..(from + step).min(to)).map(byte_at).collect();
        writer.push(from, &bytes).unwrap();
        let time = jiff::Timestamp::from_second(from as i64).unwrap();
        writer.commit(Moment { position: from, time }, from as u32);
        while let Some(part) = writer.take_part(None) {
            let durable = part.put().await.unwrap();
            if let Some(fold) = writer.durable_now(durable).filter(|_| fold_too) {
                fold.put().await.unwrap();
            }
        }
    }
    writer
}

async fn whole(index: &LogIndex, from: u64, to: u64) {
    let read = index.read(LogRange { timeline: 1, from, to }).await.unwrap();
    assert!(read.iter().enumerate().all(|(at, byte)| *byte == byte_at(from + at as u64)), "{from} to {to}");
}

#[tokio::test]
async fn what_went_in_comes_out() {
    let (vault, _folder) = new_vault().await;
    receive(&vault, 5 * FOLD + 1234, 10_007, true).await;
    let index = LogIndex::load(&vault, &source()).await.unwrap();
    assert_eq!(index.stretches(1), [LogRange { timeline: 1, from: 100, to: 5 * FOLD + 1234 }]);
    assert_eq!(index.objects(1).iter().filter(|object| object.folded).count(), 4, "the first fold lacks its beginning");
    for (from, to) in [(100, 5 * FOLD + 1234), (FOLD, 2 * FOLD), (FOLD - 1, FOLD + 1), (3 * FOLD + 77, 5 * FOLD + 3)] {
        whole(&index, from, to).await;
    }
    assert!(index.read(LogRange { timeline: 1, from: 99, to: 200 }).await.is_err());
    assert!(index.read(LogRange { timeline: 1, from: 200, to: 5 * FOLD + 1235 }).await.is_err());
}

#[tokio::test]
async fn a_quiet_moment_may_be_noted_twice() {
    let (vault, _folder) = new_vault().await;
    let time = jiff::Timestamp::from_second(1_000).unwrap();
    receive(&vault, 5000, 1000, false).await.mark(time).await.unwrap();
    receive(&vault, 5000, 1000, false).await.mark(time).await.unwrap();
    let index = LogIndex::load(&vault, &source()).await.unwrap();
    assert_eq!(index.mark(1), Some((5000, time)));
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_folds_what_was_left() {
    let (vault, _folder) = new_vault().await;
    receive(&vault, 2 * FOLD, 9_999, false).await;
    receive(&vault, 2 * FOLD + 500, 100, true).await;
    receive(&vault, 4 * FOLD, 7_000, true).await;
    let index = LogIndex::load(&vault, &source()).await.unwrap();
    let folds: Vec<u64> = index.objects(1).iter().filter(|o| o.folded).map(|o| o.range.from / FOLD).collect();
    assert_eq!(folds, [1, 2, 3]);
    whole(&index, 100, 4 * FOLD).await;
}

#[tokio::test]
async fn heads_say_what_lies_where() {
    let (vault, _folder) = new_vault().await;
    let mut writer = LogWriter::resume(&vault, &source(), 1, Some(0), FOLD).await.unwrap();
    writer.push(0, &vec![1; FOLD as usize + 500]).unwrap();
    let second = |second| jiff::Timestamp::from_second(second).unwrap();
    writer.commit(Moment { position: 10, time: second(10) }, 3);
    writer.point(NamedPoint { name: "release".into(), position: 20, time: second(11) });
    writer.commit(Moment { position: FOLD + 9, time: second(12) }, 4);
    for complete in [None, Some(second(12))] {
        let part = writer.take_part(Some(second(12))).unwrap();
        let durable = part.put().await.unwrap();
        if let Some(fold) = writer.durable_now(durable) {
            fold.put().await.unwrap();
        }
        let index = LogIndex::load(&vault, &source()).await.unwrap();
        let object = *index.objects(1).last().unwrap();
        assert_eq!(index.head(&object).await.unwrap().complete_at, complete);
    }
    let index = LogIndex::load(&vault, &source()).await.unwrap();
    let fold = *index.objects(1).iter().find(|object| object.folded).unwrap();
    let head = index.head(&fold).await.unwrap();
    assert_eq!((head.moments.commits, head.moments.points.len()), (1, 1));
    assert_eq!(head.moments.transactions, Some((3, 3)));
}

#[tokio::test]
async fn more_may_arrive_while_a_part_is_on_its_way() {
    let (vault, _folder) = new_vault().await;
    let mut writer = LogWriter::resume(&vault, &source(), 1, Some(0), FOLD).await.unwrap();
    let bytes: Vec<u8> = (0..100).map(byte_at).collect();
    writer.push(0, &bytes[..60]).unwrap();
    let part = writer.take_part(None).unwrap();
    writer.push(60, &bytes[60..]).unwrap();
    assert_eq!((writer.durable(), writer.received()), (0, 100));
    assert!(writer.take_part(None).is_none(), "one at a time");
    writer.durable_now(part.put().await.unwrap());
    assert_eq!((writer.durable(), writer.received()), (60, 100));
    let part = writer.take_part(None).unwrap();
    writer.durable_now(part.put().await.unwrap());
    whole(&LogIndex::load(&vault, &source()).await.unwrap(), 0, 100).await;
}

#[tokio::test]
async fn a_jump_is_refused_and_a_repetition_skipped() {
    let (vault, _folder) = new_vault().await;
    let mut writer = LogWriter::resume(&vault, &source(), 1, Some(1000), FOLD).await.unwrap();
    writer.push(990, &[0; 30]).unwrap();
    assert_eq!(writer.received(), 1020);
    assert!(writer.push(1021, &[0; 5]).is_err());
    writer.push(1000, &[0; 10]).unwrap();
    assert_eq!(writer.received(), 1020);
}
