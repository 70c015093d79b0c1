//! The timeline of a source as a small drawing:
//!
//! ```text
//!          Thu 20 Nov                         Fri 21 Nov                          now 14:05
//!  log     ━━━━━━━━━━━━━━━━━━━━━━╸  ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸
//!  backup  ◆       ◆       ◆          ◆       ◆       ◆       ◆       ◆        ◈ before-release-41
//!  proven          ✓                                  ✓
//! ```
//!
//! Time runs linearly from the first thing known to now. The log is drawn in half cells; a gap is never drawn smaller than one
//! cell, so that none is overlooked.

mod axis;

use api::{BackupView, GapView, TimelineView, WindowView};
use axis::Axis;
use jiff::Timestamp;

use super::{View, backup, units};

/// Columns before the drawing.
const MARGIN: usize = 9;
const CELLS_MIN: usize = 40;

pub fn drawing(timeline: &TimelineView, view: &View) -> String {
    let Some(first) = first_moment(timeline) else {
        return format!(
            "Nothing of {0} is in the vault yet.\n    rekindle backup {0}   takes the first backup\n",
            timeline.source
        );
    };
    let cells = view.width.saturating_sub(MARGIN + 1).max(CELLS_MIN);
    let axis = Axis { first, last: timeline.now, cells };
    let mut text = String::new();
    line(&mut text, "", &axis.labels(view));
    line(&mut text, "log", &log(&timeline.windows, &axis));
    let (drawn, is_labelled) = backups(&timeline.backups, &axis);
    line(&mut text, "backup", &drawn);
    if timeline.backups.iter().any(|backup| backup.proven.is_some()) {
        line(&mut text, "proven", &proven(&timeline.backups, &axis));
    }
    if let Some(newest) = newest(&timeline.backups).filter(|_| !is_labelled) {
        line(&mut text, "newest", &format!("◈ {}, {}", backup::name(newest), view.short_with_zone(newest.ended)));
    }
    for gap in &timeline.gaps {
        text.push_str(&format!(" gap     {}\n", gap_in_words(gap, view)));
    }
    text.push_str(&format!(" {}\n", restorable(timeline, view)));
    text
}

fn line(text: &mut String, name: &str, drawing: &str) {
    text.push_str(format!(" {name:<7} {drawing}").trim_end());
    text.push('\n');
}

fn first_moment(timeline: &TimelineView) -> Option<Timestamp> {
    let windows = timeline.windows.iter().map(|window| window.from_time);
    windows.chain(timeline.backups.iter().map(|backup| backup.ended)).min()
}

fn end(window: &WindowView) -> Timestamp {
    window.to_time.unwrap_or(window.from_time).max(window.from_time)
}

fn log(windows: &[WindowView], axis: &Axis) -> String {
    let mut halves = vec![false; axis.cells * 2];
    for window in windows {
        let (from, to) = (axis.half(window.from_time), axis.half(end(window)));
        halves[from..=to].fill(true);
    }
    let mut sorted: Vec<&WindowView> = windows.iter().collect();
    sorted.sort_by_key(|window| (window.timeline, window.from_time));
    for pair in sorted.windows(2).filter(|pair| pair[0].timeline == pair[1].timeline) {
        cut(&mut halves, axis.half(end(pair[0])), axis.half(pair[1].from_time));
    }
    halves.chunks(2).map(|half| cell(half[0], half[1])).collect()
}

/// Leaves at least one whole cell empty between the end of one window and the beginning of the next.
fn cut(halves: &mut [bool], end: usize, begin: usize) {
    if begin > end + 2 {
        return;
    }
    let cell = (begin / 2).clamp(1, (halves.len() / 2).saturating_sub(2));
    halves[cell * 2..cell * 2 + 2].fill(false);
    // What lies on both sides is log, however short.
    halves[cell * 2 - 1] = true;
    halves[cell * 2 + 2] = true;
}

fn cell(left: bool, right: bool) -> char {
    match (left, right) {
        (true, true) => '━',
        (true, false) => '╸',
        (false, true) => '╺',
        (false, false) => ' ',
    }
}

fn newest(backups: &[BackupView]) -> Option<&BackupView> {
    backups.iter().max_by_key(|backup| backup.ended)
}

/// The row, and whether the newest backup's label had room in it.
fn backups(backups: &[BackupView], axis: &Axis) -> (String, bool) {
    let mut row = vec![' '; axis.cells];
    for backup in backups {
        row[axis.cell(backup.ended)] = '◆';
    }
    let Some(newest) = newest(backups) else { return (String::new(), true) };
    let at = axis.cell(newest.ended);
    row[at] = '◈';
    let label: Vec<char> = backup::name(newest).chars().collect();
    let left = at.checked_sub(label.len() + 2).filter(|from| row[*from..at].iter().all(|cell| *cell == ' '));
    let right = Some(at + 2).filter(|from| from + label.len() <= axis.cells);
    let place = right.or(left.map(|from| from + 1));
    if let Some(from) = place {
        row.splice(from..from + label.len(), label);
    }
    (row.into_iter().collect(), place.is_some())
}

fn proven(backups: &[BackupView], axis: &Axis) -> String {
    let mut row = vec![' '; axis.cells];
    for backup in backups.iter().filter(|backup| backup.proven.is_some()) {
        row[axis.cell(backup.ended)] = '✓';
    }
    row.into_iter().collect()
}

fn gap_in_words(gap: &GapView, view: &View) -> String {
    let stretch = match (gap.from_time, gap.to_time) {
        (Some(from), Some(to)) => {
            let span = units::seconds(to.duration_since(from).as_secs_f64().round());
            format!("{} → {} ({span})", view.short(from), view.short(to))
        }
        (Some(from), None) => format!("{} → the next backup ({} → {})", view.short(from), gap.from, gap.to),
        (None, Some(to)) => format!("? → {} ({} → {})", view.short(to), gap.from, gap.to),
        (None, None) => format!("{} → {} on timeline {}", gap.from, gap.to, gap.timeline),
    };
    match &gap.why {
        Some(why) => format!("{stretch}: {why}"),
        None => stretch,
    }
}

fn restorable(timeline: &TimelineView, view: &View) -> String {
    let newest = timeline.windows.iter().max_by_key(|window| end(window));
    match newest {
        Some(window) if window.to_time.is_some() => format!(
            "any moment from {} to {} can be restored ({})",
            view.short(window.from_time),
            view.short_with_zone(end(window)),
            view.ago(end(window))
        ),
        Some(window) => format!("the moment {} can be restored", view.short_with_zone(window.from_time)),
        None => "no moment can be restored yet: a backup and the log that follows it are needed".to_owned(),
    }
}
