//! The timeline's drawing.

use super::*;

fn window(from: &str, to: Option<&str>) -> WindowView {
    let (from_lsn, to_lsn) = ("0/1000000".to_owned(), "0/2000000".to_owned());
    WindowView { timeline: 1, from: from_lsn, to: to_lsn, from_time: at(from), to_time: to.map(at) }
}

fn gap(from: &str, to: &str) -> GapView {
    let why = Some("receiver stopped, slot had been dropped".to_owned());
    let (from_time, to_time) = (Some(at(from)), Some(at(to)));
    GapView { timeline: 1, from: "0/2".to_owned(), to: "0/3".to_owned(), from_time, to_time, why }
}

fn shop() -> TimelineView {
    let mut backups: Vec<BackupView> =
        ["20T06:00:00", "20T12:00:00", "20T20:00:00", "21T02:00:00"].map(|ended| a_backup(None, ended)).into();
    backups[1].proven = Some(at("20T12:10:00"));
    backups.push(a_backup(Some("before-release-41"), "21T08:00:00"));
    TimelineView {
        source: "shop".to_owned(),
        now: at("21T14:05:31"),
        windows: vec![window("20T06:00:00", Some("20T16:41:10")), window("20T19:02:55", Some("21T14:05:30"))],
        gaps: vec![gap("20T16:41:10", "20T19:02:55")],
        backups,
    }
}

#[test]
fn a_day_and_a_half() {
    let expected = "\
\x20        Fri 20 Nov      12:00            18:00            Sat 21 Nov       06:00         now 14:05
 log     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸     ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
 backup  ◆               ◆                      ◆                ◆               ◈
 proven                  ✓
 newest  ◈ before-release-41, 08:00:00 CET
 gap     Fri 16:41:10 → Fri 19:02:55 (2 h 21 min): receiver stopped, slot had been dropped
 any moment from Fri 19:02:55 to 14:05:30 CET can be restored (1 s ago)
";
    assert_eq!(timeline::drawing(&shop(), &view()), expected);
}

#[test]
fn the_newest_backup_has_its_label_where_there_is_room() {
    let drawn = |ended: &str| {
        let mut shop = shop();
        shop.backups = vec![a_backup(Some("before-release-41"), ended)];
        timeline::drawing(&shop, &view()).lines().nth(2).unwrap().trim().to_owned()
    };
    assert!(drawn("20T20:00:00").ends_with(" ◈ before-release-41"));
    assert!(drawn("21T14:05:00").ends_with(" before-release-41 ◈"));
}

#[test]
fn a_gap_of_a_second_is_seen() {
    let mut shop = shop();
    shop.windows = vec![window("20T06:00:00", Some("20T16:41:10")), window("20T16:41:11", Some("21T14:05:30"))];
    let drawing = timeline::drawing(&shop, &view());
    let log = drawing.lines().find(|line| line.starts_with(" log")).unwrap();
    assert!(log.contains("━ ━"), "{log}");
}

#[test]
fn nothing_yet() {
    let mut shop = shop();
    (shop.windows, shop.gaps, shop.backups) = (Vec::new(), Vec::new(), Vec::new());
    let expected = "Nothing of shop is in the vault yet.\n    rekindle backup shop   takes the first backup\n";
    assert_eq!(timeline::drawing(&shop, &view()), expected);
    shop.backups.push(a_backup(None, "21T14:05:00"));
    assert!(timeline::drawing(&shop, &view()).contains("no moment can be restored yet"));
}

#[test]
fn every_width_and_every_length_of_time_is_drawn() {
    for width in [0, 20, 60, 100, 160] {
        for first in ["21T14:05:31", "21T14:05:29", "21T13:00:00", "20T06:00:00", "01T06:00:00"] {
            let mut shop = shop();
            shop.windows = vec![window(first, None), window(first, Some("21T14:05:31"))];
            shop.backups = vec![a_backup(Some("a-label-that-is-rather-long-for-its-place"), first)];
            let drawing = timeline::drawing(&shop, &View { width, ..view() });
            let longest = drawing.lines().take(3).map(|line| line.chars().count()).max();
            assert!(longest <= Some(width.max(50)), "{drawing}");
        }
    }
}
