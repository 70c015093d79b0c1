//! The ways into a vault.

use super::{View, table};
use control::KeySlotView;

pub fn list(slots: &[KeySlotView], view: &View) -> String {
    let heads = ["SLOT", "KIND", "LABEL", "MADE"].map(str::to_owned);
    let made = |slot: &KeySlotView| view.short_with_zone(slot.created);
    let row = |slot: &KeySlotView| [slot.id.clone(), slot.kind.clone(), slot.label.clone(), made(slot)];
    let rows: Vec<[String; 4]> = std::iter::once(heads).chain(slots.iter().map(row)).collect();
    let mut text = table::aligned(&rows);
    if slots.len() == 1 {
        text.push_str("\nThere is one way in only. rekindle vault key add --passphrase   adds a second\n");
    }
    text
}
