//! Who uses a database.

use api::ConsumerView;

use super::{View, table};

pub fn list(found: &[ConsumerView], view: &View) -> String {
    if found.is_empty() {
        return "Nobody was seen in the last 30 days; its server is looked at every minute.\n".to_owned();
    }
    let heads = ["APPLICATION", "ROLE", "DATABASE", "FROM", "SESSIONS", "LAST SEEN", "SINCE"].map(str::to_owned);
    let row = |one: &ConsumerView| {
        let application = if one.application.is_empty() { "—".to_owned() } else { one.application.clone() };
        let from = one.address.clone().unwrap_or_else(|| "this host".to_owned());
        let (last, first) = (view.short_with_zone(one.last_seen), view.short_with_zone(one.first_seen));
        [application, one.role.clone(), one.database.clone(), from, one.sessions_max.to_string(), last, first]
    };
    table::aligned(&std::iter::once(heads).chain(found.iter().map(row)).collect::<Vec<_>>())
}
