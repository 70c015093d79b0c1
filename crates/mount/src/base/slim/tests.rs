//! A slim map says what the whole one says.

use proptest::prelude::*;

use super::*;

fn extent(number: usize) -> ExtentRef {
    ExtentRef { pack: PackId([(number % 3) as u8; 16]), offset: number as u32 * 10, length: 10 }
}

fn map(places: impl IntoIterator<Item = Option<(usize, u8)>>) -> PageMap {
    let mut map = PageMap::new(8192);
    map.extents = (0..50).map(extent).collect();
    for place in places {
        map.push(7, place.map_or(Place::ZERO, |(extent, slot)| Place::new(extent, slot).unwrap()));
    }
    map
}

fn check(map: &PageMap) -> SlimMap {
    let slim = SlimMap::new(map);
    for (page, place) in map.places.iter().enumerate() {
        let place = place.get().map(|(number, slot)| (extent(number), slot));
        assert_eq!(slim.place(page), Some(place), "page {page}");
    }
    assert_eq!((slim.pages(), slim.place(map.places.len())), (map.places.len(), None));
    slim
}

#[test]
fn neighbours_are_one_run() {
    let new = (0..50).flat_map(|extent| (0..16).map(move |slot| Some((extent, slot))));
    assert_eq!(check(&map(new)).runs.len(), 50);
    assert_eq!(check(&map([None; 1000])).runs.len(), 1);
    assert_eq!(check(&map([])).runs.len(), 0);
}

#[test]
fn slots_end_where_a_byte_does() {
    check(&map([Some((0, 254)), Some((0, 255)), Some((0, 255)), Some((0, 0)), Some((0, 1))]));
}

proptest! {
    #[test]
    fn any_map(places in prop::collection::vec(prop::option::of((0usize..50, 0u8..20)), 0..300)) {
        check(&map(places));
    }
}
