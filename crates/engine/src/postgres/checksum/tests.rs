//! Page checksums: the fast way and the plain way agree.

use super::*;

fn page(seed: u32) -> [u8; PAGE_BYTES] {
    let mut state = seed;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
}

#[test]
fn a_page_verifies_at_its_own_block_only() {
    let mut page = page(7);
    let sum = page_checksum(&page, 42);
    page[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(verify_page(&page, 42), PageState::Ok);
    assert!(matches!(verify_page(&page, 43), PageState::Bad { .. }));
    page[5000] ^= 1;
    assert!(matches!(verify_page(&page, 42), PageState::Bad { found, .. } if found == sum));
}

#[test]
fn zeroes_are_a_new_page_and_almost_zeroes_are_not() {
    let mut page = [0; PAGE_BYTES];
    assert_eq!(verify_page(&page, 0), PageState::New);
    page[PAGE_BYTES - 1] = 1;
    assert!(matches!(verify_page(&page, 0), PageState::Bad { found: 0, .. }));
}

#[test]
fn both_copies_of_the_loop_agree() {
    for seed in 0..50 {
        assert_eq!(block_sum(&page(seed)), block_sum_portable(&page(seed)));
    }
}

#[test]
fn the_lsn_is_read_high_half_first() {
    let mut page = [0; PAGE_BYTES];
    page[..8].copy_from_slice(&[0x16, 0, 0, 0, 0x48, 0xD8, 0x74, 0xB3]);
    assert_eq!(page_lsn(&page).to_string(), "16/B374D848");
}
