//! What lies in stretches of log adds up.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn stretches_add_up() {
    let mut first = Moments::default();
    first.commit(Moment { position: 10, time: at(100) }, 7);
    first.commit(Moment { position: 20, time: at(103) }, 9);
    let mut second = Moments::default();
    second.commit(Moment { position: 30, time: at(102) }, 8);
    second.points.push(NamedPoint { name: "p".into(), position: 31, time: at(104) });
    first.append(&second);
    assert_eq!(first.commits, 3);
    assert_eq!(first.first.unwrap().position, 10);
    assert_eq!(first.last.unwrap().position, 30);
    assert_eq!(first.latest, Some(at(103)), "commit times need not ascend");
    assert_eq!(first.transactions, Some((7, 9)));
    assert_eq!(first.points.len(), 1);
}

#[test]
fn an_empty_stretch_changes_nothing() {
    let mut some = Moments::default();
    some.commit(Moment { position: 1, time: at(1) }, 3);
    let before = some.clone();
    some.append(&Moments::default());
    assert_eq!(some, before);
}
