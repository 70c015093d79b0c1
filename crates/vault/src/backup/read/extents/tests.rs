//! Which extents are fetched together.

use super::*;

fn extent(pack: u8, offset: u32, length: u32) -> ExtentRef {
    ExtentRef { pack: PackId([pack; 16]), offset, length }
}

#[test]
fn neighbours_are_fetched_together_and_strangers_apart() {
    let (a, b) = (extent(1, 32, 1000), extent(1, 1032, 1000));
    let (far, other) = (extent(1, 5 << 20, 1000), extent(2, 5 << 20, 1000));
    let ranges: Vec<_> = stretches([a, a, b, far, other]).into_iter().map(|s| (s.range, s.extents)).collect();
    let (start, end) = (5 << 20, (5 << 20) + 1000);
    assert_eq!(ranges, [(32..2032, vec![a, b]), (start..end, vec![far]), (start..end, vec![other])]);
}

#[test]
fn no_read_is_longer_than_allowed() {
    let many = (0..100).map(|number| extent(1, 32 + number * 100_000, 100_000));
    let stretches = stretches(many);
    assert!(stretches.iter().all(|stretch| stretch.range.end - stretch.range.start <= FETCH_MAX));
    assert_eq!(stretches.iter().map(|stretch| stretch.extents.len()).sum::<usize>(), 100);
    assert_eq!(stretches.len(), 3);
}
