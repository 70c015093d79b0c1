//! The ways into a vault.

use super::View;
use control::KeySlotView;

pub fn list(slots: &[KeySlotView], view: &View) -> String {
    let heads = ["SLOT", "KIND", "LABEL", "MADE"].map(str::to_owned);
    let made = |slot: &KeySlotView| view.short_with_zone(slot.created);
    let row = |slot: &KeySlotView| [slot.id.clone(), slot.kind.clone(), slot.label.clone(), made(slot)];
    let rows: Vec<[String; 4]> = std::iter::once(heads).chain(slots.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    if slots.len() == 1 {
        text.push_str("\nThere is one way in only. rekindle vault key add --passphrase   adds a second\n");
    }
    text
}
