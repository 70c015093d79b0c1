//! Bytes as they come, cut into lines.

/// A line that is longer is cut.
const CHARACTERS_MAX: usize = 4096;
/// What is held of a line that does not end.
const HELD: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    pub(super) fn take(&mut self, bytes: &[u8], tell: &dyn Fn(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = HELD.saturating_sub(self.held.len());
            self.held.extend(part.strip_suffix(b"\n").unwrap_or(part).iter().take(room));
            if part.ends_with(b"\n") {
                self.tell(tell);
            }
        }
    }

    /// What stands there without an end is a line as well.
    pub(super) fn end(&mut self, tell: &dyn Fn(&str)) {
        if !self.held.is_empty() {
            self.tell(tell);
        }
    }

    fn tell(&mut self, tell: &dyn Fn(&str)) {
        let line = std::mem::take(&mut self.held);
        tell(&String::from_utf8_lossy(&line));
    }
}

/// As it may stand in a log: without what would move the cursor, and not endless.
pub(super) fn shown(line: &str) -> String {
    let plain = line.trim_end().chars().filter(|character| !character.is_control() || *character == '\t');
    let mut shown: String = plain.take(CHARACTERS_MAX).collect();
    if shown.len() < line.trim_end().len() && shown.chars().count() == CHARACTERS_MAX {
        shown.push('…');
    }
    shown
}
