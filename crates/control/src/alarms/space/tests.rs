//! Limits, and the line that growth is drawn by.

use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
}

#[test]
fn a_place_fills_by_its_share() {
    let space = |free| Space { total: 1000, free };
    assert_eq!(is_filling(&space(150), 15), None);
    assert_eq!(is_filling(&space(149), 15), Some(Severity::Warning));
    assert_eq!(is_filling(&space(49), 15), Some(Severity::Critical));
    assert_eq!(is_filling(&space(0), 0), None, "nobody wants to know");
    assert_eq!(is_filling(&Space { total: 0, free: 0 }, 15), None);
}

#[test]
fn growth_is_a_line_through_the_first_sample() {
    let samples = [(at(0), 1000), (at(5), 10)];
    assert_eq!(full_after(&samples, 400, at(6)), Some(SignedDuration::from_hours(4)));
    assert_eq!(full_after(&samples, 400, at(5)), None, "too soon to say");
    assert_eq!(full_after(&samples, 1000, at(9)), None, "it does not grow");
    assert_eq!(full_after(&samples, 1200, at(9)), None, "it shrinks");
    assert_eq!(full_after(&[], 5, at(9)), None);
}

#[test]
fn a_real_place_has_room() {
    let space = of(Path::new("/")).unwrap();
    assert!(space.total > space.free && space.free > 0, "{space:?}");
    assert!(of(Path::new("/nowhere/at/all")).is_err());
}
