//! A finished backup in one line.

use api::BackupView;

use super::{View, units};

const SHOWN: usize = 5;

/// `✓ before-release-41  3.0 GB read, 41 MB new in the vault (13.5×), 3.9 s, log unbroken to 14:02:07 CEST`
pub fn line(backup: &BackupView, view: &View) -> String {
    let seconds = backup.ended.duration_since(backup.began).as_secs_f64();
    let mut text = format!(
        "✓ {}  {} read, {} new in the vault{}, {}, log unbroken to {}\n",
        name(backup),
        units::bytes(backup.bytes),
        units::bytes(backup.bytes_stored),
        ratio(backup.bytes, backup.bytes_stored),
        units::seconds((seconds * 10.0).round() / 10.0),
        view.short_with_zone(backup.ended),
    );
    if backup.damaged_pages > 0 {
        let pages = units::counted(backup.damaged_pages, "page", "pages");
        text.push_str(&format!("! {pages} of the server failed their checksum and are stored as they are\n"));
        text.push_str(&listed(&backup.damaged, backup.damaged_pages));
        text.push_str("    the server's disk or memory may be failing; an older backup may hold them whole\n");
    }
    if backup.left_out_total > 0 {
        let files = match backup.left_out_total {
            1 => "1 file of the data directory is".to_owned(),
            count => format!("{} files of the data directory are", units::count(count)),
        };
        text.push_str(&format!("note {files} not in this backup\n"));
        text.push_str(&listed(&backup.left_out, backup.left_out_total));
    }
    text
}

fn listed(first: &[String], total: u64) -> String {
    let mut text: String = first.iter().take(SHOWN).map(|line| format!("    {line}\n")).collect();
    if let Some(more @ 1..) = total.checked_sub(SHOWN as u64) {
        text.push_str(&format!("    … and {}\n", units::counted(more, "more", "more")));
    }
    text
}

pub fn name(backup: &BackupView) -> &str {
    backup.label.as_deref().unwrap_or(&backup.id)
}

fn ratio(read: u64, stored: u64) -> String {
    if stored == 0 || read <= stored {
        return String::new();
    }
    let ratio = read as f64 / stored as f64;
    if ratio < 99.95 { format!(" ({ratio:.1}×)") } else { format!(" ({}×)", units::count(ratio.round() as u64)) }
}
