//! The checksum of a data page (src/include/storage/checksum_impl.h): 32 FNV-1a sums side by side, folded to 16 bits.
//!
//! The loop is written so that the compiler turns it into vector instructions; where the machine has AVX2 a second copy of
//! the same loop is compiled for it.

use super::lsn::Lsn;

pub const PAGE_BYTES: usize = 8192;

const SUMS: usize = 32;
const ROW_BYTES: usize = SUMS * 4;
const FNV_PRIME: u32 = 16_777_619;
/// pd_checksum in PageHeaderData.
const CHECKSUM_OFFSET: usize = 8;
/// The word of the first row whose lower half is pd_checksum; it counts as zero.
const CHECKSUM_WORD: usize = CHECKSUM_OFFSET / 4;

const BASE_OFFSETS: [u32; SUMS] = [
    0x5B1F_36E9,
    0xB852_5960,
    0x02AB_50AA,
    0x1DE6_6D2A,
    0x79FF_467A,
    0x9BB9_F8A3,
    0x217E_7CD2,
    0x83E1_3D2C,
    0xF8D4_474F,
    0xE39E_B970,
    0x42C6_AE16,
    0x9932_16FA,
    0x7B09_3B5D,
    0x98DA_FF3C,
    0xF718_902A,
    0x0B1C_9CDB,
    0xE58F_764B,
    0x1876_36BC,
    0x5D7B_3BB1,
    0xE73D_E7DE,
    0x92BE_C979,
    0xCCA6_C0B2,
    0x304A_0979,
    0x85AA_43D4,
    0x7831_25BB,
    0x6CA8_EAA2,
    0xE407_EAC6,
    0x4B5C_FC3E,
    0x9FBF_8C76,
    0x15CA_20BE,
    0xF2CA_9FD3,
    0x959B_D756,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    Ok,
    /// All zero: allocated, never written. It carries no checksum.
    New,
    Bad {
        found: u16,
        computed: u16,
    },
}

/// Checks one page. `block_no` counts from the start of the relation, not of its 1 GiB segment file.
pub fn verify_page(page: &[u8; PAGE_BYTES], block_no: u32) -> PageState {
    let computed = page_checksum(page, block_no);
    let found = u16::from_le_bytes([page[CHECKSUM_OFFSET], page[CHECKSUM_OFFSET + 1]]);
    if found == computed {
        PageState::Ok
    } else if page.iter().all(|byte| *byte == 0) {
        PageState::New
    } else {
        PageState::Bad { found, computed }
    }
}

/// pd_lsn: the end of the last record that changed this page.
pub fn page_lsn(page: &[u8; PAGE_BYTES]) -> Lsn {
    let half = |at: usize| u64::from(u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]));
    Lsn(half(0) << 32 | half(4))
}

/// Never zero, so that a page without checksum is told apart.
pub fn page_checksum(page: &[u8; PAGE_BYTES], block_no: u32) -> u16 {
    let folded = (block_sum(page) ^ block_no) % 65_535;
    u16::try_from(folded + 1).unwrap_or(u16::MAX)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "calling code compiled for AVX2 needs it")]
fn block_sum(page: &[u8; PAGE_BYTES]) -> u32 {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2, as was just asked; the function has no other demand.
        unsafe { block_sum_avx2(page) }
    } else {
        block_sum_portable(page)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn block_sum(page: &[u8; PAGE_BYTES]) -> u32 {
    block_sum_portable(page)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn block_sum_avx2(page: &[u8; PAGE_BYTES]) -> u32 {
    block_sum_portable(page)
}

#[inline(always)]
fn block_sum_portable(page: &[u8; PAGE_BYTES]) -> u32 {
    let (rows, _) = page.as_chunks::<ROW_BYTES>();
    let mut first = words(&rows[0]);
    first[CHECKSUM_WORD] &= 0xFFFF_0000;
    let mut sums = BASE_OFFSETS;
    mix(&mut sums, &first);
    for row in &rows[1..] {
        mix(&mut sums, &words(row));
    }
    mix(&mut sums, &[0; SUMS]);
    mix(&mut sums, &[0; SUMS]);
    sums.iter().fold(0, |folded, sum| folded ^ sum)
}

#[inline(always)]
fn words(row: &[u8; ROW_BYTES]) -> [u32; SUMS] {
    let (words, _) = row.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_le_bytes(words[i]))
}

#[inline(always)]
fn mix(sums: &mut [u32; SUMS], row: &[u32; SUMS]) {
    for (sum, word) in sums.iter_mut().zip(row) {
        let mixed = *sum ^ word;
        *sum = mixed.wrapping_mul(FNV_PRIME) ^ (mixed >> 17);
    }
}

#[cfg(test)]
mod tests;
