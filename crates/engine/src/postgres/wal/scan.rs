//! Follows the log record by record as its bytes come in, in pieces of any size and in constant memory, and tells the events
//! in it. Pure, without I/O (src/backend/access/transam/xlogreader.c).
//!
//! ```text
//! page:  | header | …rest of a record | record | record | reco…|      records begin at multiples of 8
//! next:  | header(rem_len) …rd | record | …
//! ```
//!
//! The log ends where the server's own recovery would end it: at a header, previous-link or checksum that is not right. An end
//! is a result and no error: what was told before it is whole. Every event was covered by a checksum.

use super::event::Event;
use super::record::{HEADER_BYTES, Header, Record, is_record_length};
use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wal::names::is_segment_size;

const PAGE_BYTES: u64 = 8192;
const SHORT_HEADER_BYTES: usize = 24;
const LONG_HEADER_BYTES: usize = 40;
const RECORD_ALIGNMENT: u64 = 8;

const FLAG_CONTINUED: u16 = 0x0001;
const FLAG_LONG_HEADER: u16 = 0x0002;
const FLAG_OVERWRITTEN: u16 = 0x0008;
const FLAGS_ALL: u16 = 0x000F;

/// XLOG_PAGE_MAGIC of each major.
const MAGICS: [(u32, u16); 6] = [(13, 0xD106), (14, 0xD10D), (15, 0xD110), (16, 0xD113), (17, 0xD116), (18, 0xD118)];

/// What all pages of this log must agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub major: u32,
    /// The newest timeline; pages of its ancestors may come before.
    pub timeline: Timeline,
    pub segment_bytes: u64,
    /// Checked at every segment, where it is known.
    pub system_identifier: Option<u64>,
}

/// Where the valid log ends, and how that shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The first byte that is not part of the valid log.
    pub lsn: Lsn,
    pub why: &'static str,
}

#[derive(Debug, Clone)]
enum State {
    /// The rest of a record that began before the first byte we were given.
    Foreign {
        left: u64,
    },
    /// Padding up to the next record.
    Between,
    RecordHeader {
        start: Lsn,
        bytes: [u8; HEADER_BYTES],
        filled: usize,
    },
    Body {
        record: Box<Record>,
        left: u64,
    },
    /// After a switch: whatever is in the rest of the segment.
    Switched {
        until: Lsn,
    },
    Ended(End),
}

#[derive(Debug, Clone)]
pub struct Scanner {
    shape: Shape,
    magic: u16,
    rows: bool,
    /// The position of the next byte to come.
    position: Lsn,
    state: State,
    page_header: Vec<u8>,
    /// Before the first page header was seen, a continued record is nobody's.
    fresh: bool,
    last_timeline: Timeline,
    last_start: Option<Lsn>,
    last_end: Option<Lsn>,
}

impl Scanner {
    /// Begins at the start of a segment, whose first bytes may be the rest of a record.
    pub fn at_segment(start: Lsn, shape: Shape) -> Result<Scanner> {
        if !start.0.is_multiple_of(shape.segment_bytes) {
            return Err(Error::Wal { lsn: start.to_string(), what: "it is not the start of a segment".into() });
        }
        Scanner::new(start, shape, true)
    }

    /// Begins where a record begins, or where one ended: a redo point, or the end of another scan.
    pub fn at_record(start: Lsn, shape: Shape) -> Result<Scanner> {
        if !start.0.is_multiple_of(RECORD_ALIGNMENT) {
            return Err(Error::Wal { lsn: start.to_string(), what: "no record can begin here".into() });
        }
        Scanner::new(start, shape, false)
    }

    /// Tells what was done to rows as well.
    #[must_use]
    pub fn with_rows(self) -> Scanner {
        Scanner { rows: true, ..self }
    }

    fn new(start: Lsn, shape: Shape, fresh: bool) -> Result<Scanner> {
        let found = || shape.major.to_string();
        let magic = MAGICS.iter().find(|(major, _)| *major == shape.major).map(|(_, magic)| *magic);
        let magic = magic.ok_or_else(|| Error::Version { what: "PostgreSQL", found: found(), known: "13 to 18" })?;
        if !is_segment_size(shape.segment_bytes) {
            let found = shape.segment_bytes.to_string();
            return Err(Error::Version { what: "WAL segment size", found, known: "powers of two from 1 MiB to 1 GiB" });
        }
        Ok(Scanner {
            shape,
            magic,
            rows: false,
            position: start,
            state: State::Between,
            page_header: Vec::with_capacity(LONG_HEADER_BYTES),
            fresh,
            last_timeline: 0,
            last_start: None,
            last_end: None,
        })
    }

    /// Takes the next bytes and adds what they tell to `events`. Bytes after the end of the valid log are ignored.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) {
        while !bytes.is_empty() && self.end().is_none() {
            let taken =
                if self.in_page_header() { self.feed_page_header(bytes) } else { self.feed_content(bytes, events) };
            self.position = self.position + taken as u64;
            bytes = &bytes[taken..];
            if self.page_header.len() == self.page_header_bytes() {
                self.enter_page();
            }
        }
    }

    /// None while the log goes on.
    pub fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Where the next byte is expected.
    pub fn position(&self) -> Lsn {
        self.position
    }

    /// Where the last whole record began; the server's "latest record" in a recovery.
    pub fn last_record_start(&self) -> Option<Lsn> {
        self.last_start
    }

    /// Where the last whole record ended, padding included: up to here the log can be replayed.
    pub fn last_record_end(&self) -> Option<Lsn> {
        self.last_end
    }

    fn stop(&mut self, lsn: Lsn, why: &'static str) {
        self.state = State::Ended(End { lsn, why });
    }

    fn in_page_header(&self) -> bool {
        let at_page_start = self.position.0.is_multiple_of(PAGE_BYTES);
        !matches!(self.state, State::Switched { .. }) && (at_page_start || !self.page_header.is_empty())
    }

    /// Long at the start of a segment; until the flags are in, short.
    fn page_header_bytes(&self) -> usize {
        let page_start = self.position - self.page_header.len() as u64;
        if page_start.0.is_multiple_of(self.shape.segment_bytes) { LONG_HEADER_BYTES } else { SHORT_HEADER_BYTES }
    }

    fn feed_page_header(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.page_header_bytes() - self.page_header.len());
        self.page_header.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Called with the header whole and the position behind it.
    fn enter_page(&mut self) {
        let page = self.position - self.page_header.len() as u64;
        let bytes = std::mem::take(&mut self.page_header);
        match PageHeader::parse(&bytes)
            .ok_or("a page header is cut short")
            .and_then(|h| self.check(&h, page).map(|()| h))
        {
            Ok(header) => self.go_on_in_page(&header, page),
            Err(why) => self.stop(page, why),
        }
        self.page_header = bytes;
        self.page_header.clear();
        self.fresh = false;
    }

    /// XLogReaderValidatePageHeader.
    fn check(&mut self, header: &PageHeader, page: Lsn) -> Result<(), &'static str> {
        let long = page.0.is_multiple_of(self.shape.segment_bytes);
        if header.magic == 0 {
            return Err("no page was written here");
        }
        if header.magic != self.magic {
            return Err("the page is of another version");
        }
        if header.flags & !FLAGS_ALL != 0 || (header.flags & FLAG_LONG_HEADER != 0) != long {
            return Err("the flags of the page make no sense");
        }
        if header.address != page {
            return Err("the page belongs elsewhere, it is left from an older segment");
        }
        if header.timeline > self.shape.timeline || header.timeline < self.last_timeline {
            return Err("the page is of another timeline");
        }
        if let Some(long) = header.long {
            let stranger = self.shape.system_identifier.is_some_and(|known| known != long.system_identifier);
            if stranger
                || u64::from(long.segment_bytes) != self.shape.segment_bytes
                || u64::from(long.page_bytes) != PAGE_BYTES
            {
                return Err("the segment is of another cluster");
            }
        }
        self.last_timeline = header.timeline;
        Ok(())
    }

    /// Whether the page goes on with what the one before it began.
    fn go_on_in_page(&mut self, header: &PageHeader, page: Lsn) {
        if header.flags & FLAG_OVERWRITTEN != 0 {
            // The record before was never finished; the server began anew here (CreateOverwriteContrecordRecord).
            self.state = State::Between;
            return;
        }
        let continued = header.flags & FLAG_CONTINUED != 0;
        let expected = match &self.state {
            State::Foreign { left } | State::Body { left, .. } => Some(*left),
            State::RecordHeader { bytes, filled, .. } => Some(u64::from(length_in(bytes)) - *filled as u64),
            _ => None,
        };
        match expected {
            None if continued && self.fresh => self.state = State::Foreign { left: header.remaining.into() },
            None if continued => self.stop(page, "a page goes on with a record that was not begun"),
            Some(left) if !continued || left != u64::from(header.remaining) => {
                let unfinished = self.unfinished().unwrap_or(page);
                self.stop(unfinished, "a record is not gone on with");
            }
            _ => {}
        }
    }

    fn unfinished(&self) -> Option<Lsn> {
        match &self.state {
            State::RecordHeader { start, .. } => Some(*start),
            State::Body { record, .. } => Some(record.start),
            _ => None,
        }
    }

    /// Takes bytes up to the end of the page at most; gives how many.
    fn feed_content(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> usize {
        let to_page_end = usize::try_from(PAGE_BYTES - self.position.0 % PAGE_BYTES).unwrap_or(bytes.len());
        let bytes = &bytes[..bytes.len().min(to_page_end)];
        match &mut self.state {
            State::Foreign { left } => {
                let taken = shorter(bytes.len(), *left);
                *left -= taken as u64;
                if *left == 0 {
                    self.state = State::Between;
                }
                taken
            }
            State::Between => self.feed_padding(bytes),
            State::RecordHeader { .. } => self.feed_record_header(bytes, events),
            State::Body { record, left } => {
                let taken = shorter(bytes.len(), *left);
                record.feed(&bytes[..taken]);
                *left -= taken as u64;
                if *left == 0 {
                    self.finish_record(taken, events);
                }
                taken
            }
            State::Switched { until } => {
                let taken = shorter(bytes.len(), *until - self.position);
                if self.position + taken as u64 == *until {
                    self.state = State::Between;
                }
                taken
            }
            State::Ended(_) => bytes.len(),
        }
    }

    fn feed_padding(&mut self, bytes: &[u8]) -> usize {
        let padding = self.position.align_up(RECORD_ALIGNMENT) - self.position;
        if padding == 0 {
            self.state = State::RecordHeader { start: self.position, bytes: [0; HEADER_BYTES], filled: 0 };
        }
        shorter(bytes.len(), padding)
    }

    fn feed_record_header(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> usize {
        let State::RecordHeader { start, bytes: header, filled } = &mut self.state else { return 0 };
        let taken = bytes.len().min(HEADER_BYTES - *filled);
        header[*filled..*filled + taken].copy_from_slice(&bytes[..taken]);
        *filled += taken;
        let (start, header, filled) = (*start, *header, *filled);
        if filled >= 4 && !is_record_length(length_in(&header)) {
            let empty = length_in(&header) == 0;
            self.stop(start, if empty { "no record was written here" } else { "a record has an impossible length" });
        } else if filled == HEADER_BYTES {
            self.begin_record(start, header, taken, events);
        }
        taken
    }

    fn begin_record(&mut self, start: Lsn, bytes: [u8; HEADER_BYTES], taken: usize, events: &mut Vec<Event>) {
        let Some(header) = Header::parse(&bytes) else {
            return self.stop(start, "a record has an impossible length");
        };
        // Before the first record is known its link can only be seen to point backwards.
        let linked = self.last_start.map_or(header.previous < start, |last| header.previous == last);
        if !linked {
            return self.stop(start, "a record does not follow the one before it");
        }
        let left = u64::from(header.total_bytes) - HEADER_BYTES as u64;
        let record = Box::new(Record::new(start, header, bytes, self.shape.major, self.rows));
        self.state = State::Body { record, left };
        if left == 0 {
            self.finish_record(taken, events);
        }
    }

    /// `taken` bytes of the present piece belong to the record and are not counted into the position yet.
    fn finish_record(&mut self, taken: usize, events: &mut Vec<Event>) {
        let State::Body { record, .. } = std::mem::replace(&mut self.state, State::Between) else { return };
        if !record.crc_is_right() {
            return self.stop(record.start, "the checksum of a record is not right");
        }
        let mut end = (self.position + taken as u64).align_up(RECORD_ALIGNMENT);
        if record.header.is_switch() {
            end = (end - 1).align_down(self.shape.segment_bytes) + self.shape.segment_bytes;
            if self.position + (taken as u64) < end {
                self.state = State::Switched { until: end };
            }
        }
        self.last_start = Some(record.start);
        self.last_end = Some(end);
        events.extend(record.event(end));
    }
}

fn shorter(bytes: usize, left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes)
}

/// xl_tot_len; it never crosses a page, for records are aligned.
fn length_in(header: &[u8; HEADER_BYTES]) -> u32 {
    u32::from_le_bytes([header[0], header[1], header[2], header[3]])
}

#[derive(Debug, Clone, Copy)]
struct LongHeader {
    system_identifier: u64,
    segment_bytes: u32,
    page_bytes: u32,
}

/// XLogPageHeaderData and XLogLongPageHeaderData.
#[derive(Debug, Clone, Copy)]
struct PageHeader {
    magic: u16,
    flags: u16,
    timeline: Timeline,
    address: Lsn,
    remaining: u32,
    long: Option<LongHeader>,
}

impl PageHeader {
    fn parse(bytes: &[u8]) -> Option<PageHeader> {
        let u16_at = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let long =
            || Some(LongHeader { system_identifier: u64_at(24)?, segment_bytes: u32_at(32)?, page_bytes: u32_at(36)? });
        Some(PageHeader {
            magic: u16_at(0)?,
            flags: u16_at(2)?,
            timeline: u32_at(4)?,
            address: Lsn(u64_at(8)?),
            remaining: u32_at(16)?,
            long: if bytes.len() >= LONG_HEADER_BYTES { long() } else { None },
        })
    }
}

#[cfg(test)]
mod tests;
