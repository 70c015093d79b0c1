//! Reads the end of a transaction out of its commit or abort record. Lists are skipped, so that memory is constant; only who counts rows
//! needs the subtransactions (ParseCommitRecord and ParseAbortRecord in src/backend/access/rmgrdesc/xactdesc.c).

const HAS_DBINFO: u32 = 1;
const HAS_SUBXACTS: u32 = 1 << 1;
const HAS_RELFILES: u32 = 1 << 2;
const HAS_INVALS: u32 = 1 << 3;
const HAS_TWOPHASE: u32 = 1 << 4;
const HAS_DROPPED_STATS: u32 = 1 << 8;

/// The parts in the order in which they stand; those without their flag are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Time,
    Flags,
    Dbinfo,
    Subxacts,
    Relfiles,
    Stats,
    Invals,
    Twophase,
    Done,
}

impl Part {
    fn after(self) -> Part {
        match self {
            Part::Time => Part::Flags,
            Part::Flags => Part::Dbinfo,
            Part::Dbinfo => Part::Subxacts,
            Part::Subxacts => Part::Relfiles,
            Part::Relfiles => Part::Stats,
            Part::Stats => Part::Invals,
            Part::Invals => Part::Twophase,
            Part::Twophase | Part::Done => Part::Done,
        }
    }

    fn flag(self) -> u32 {
        match self {
            Part::Dbinfo => HAS_DBINFO,
            Part::Subxacts => HAS_SUBXACTS,
            Part::Relfiles => HAS_RELFILES,
            Part::Stats => HAS_DROPPED_STATS,
            Part::Invals => HAS_INVALS,
            Part::Twophase => HAS_TWOPHASE,
            Part::Time | Part::Flags | Part::Done => u32::MAX,
        }
    }

    /// How much of it is looked at: a time, flags, a count, an xid.
    fn word_bytes(self) -> usize {
        if matches!(self, Part::Time | Part::Dbinfo) { 8 } else { 4 }
    }

    /// Size of one element of the list that follows a count.
    fn element_bytes(self, major: u32) -> u64 {
        match self {
            Part::Subxacts => 4,
            Part::Relfiles => 12,
            // xl_xact_stats_item grew when statistics got 64-bit object ids.
            Part::Stats => {
                if major >= 18 {
                    16
                } else {
                    12
                }
            }
            Part::Invals => 16,
            _ => 0,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct XactReader {
    major: u32,
    has_flags: bool,
    flags: u32,
    part: Part,
    skip: u64,
    word: [u8; 8],
    filled: usize,
    /// Microseconds since 2000-01-01; none while the record is too short to say.
    pub(super) time: Option<i64>,
    pub(super) twophase_xid: Option<u32>,
    keeps_subtransactions: bool,
    /// Of their list, still to come.
    subtransactions_left: u32,
    pub(super) subtransactions: Vec<u32>,
}

impl XactReader {
    /// `has_flags` is XLOG_XACT_HAS_INFO in the record's info.
    pub(super) fn new(major: u32, has_flags: bool, keeps_subtransactions: bool) -> XactReader {
        XactReader {
            major,
            has_flags,
            flags: 0,
            part: Part::Time,
            skip: 0,
            word: [0; 8],
            filled: 0,
            time: None,
            twophase_xid: None,
            keeps_subtransactions,
            subtransactions_left: 0,
            subtransactions: Vec::new(),
        }
    }

    /// The next bytes of the main data, in pieces of any size.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && (self.part != Part::Done || self.subtransactions_left > 0) {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= skipped as u64;
            bytes = &bytes[skipped..];
            if self.skip > 0 {
                return;
            }
            let taken = (self.word_bytes() - self.filled).min(bytes.len());
            self.word[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == self.word_bytes() {
                self.take_word();
            }
        }
    }

    fn word_bytes(&self) -> usize {
        if self.subtransactions_left > 0 { 4 } else { self.part.word_bytes() }
    }

    fn take_word(&mut self) {
        let [a, b, c, d, ..] = self.word;
        let number = u32::from_le_bytes([a, b, c, d]);
        self.filled = 0;
        if self.subtransactions_left > 0 {
            self.subtransactions_left -= 1;
            self.subtransactions.push(number);
            return;
        }
        match self.part {
            Part::Time => self.time = Some(i64::from_le_bytes(self.word)),
            Part::Flags => self.flags = number,
            Part::Twophase => self.twophase_xid = Some(number),
            Part::Subxacts if self.keeps_subtransactions => self.subtransactions_left = number,
            part => self.skip = u64::from(number) * part.element_bytes(self.major),
        }
        self.part = self.next_part();
    }

    fn next_part(&self) -> Part {
        if !self.has_flags {
            return Part::Done;
        }
        let mut part = self.part.after();
        while part.flag() != u32::MAX && self.flags & part.flag() == 0 {
            part = part.after();
        }
        part
    }
}
