//! Changes in words.

use super::diff;
use crate::policy::Stack;
use crate::policy::file::parse;

fn stack(text: &str) -> Stack {
    parse(text).unwrap_or_else(|found| panic!("{found:?}"))
}

const OLD: &str = r#"
[stack]
name = "shop"
[[source]]
name = "orders"
url = "env:ORDERS_URL"
[[source]]
name = "search"
url = "file:/etc/search.url"
[policy]
windows = ["daily 23:00-05:00"]
[[policy.backup]]
name = "hourly"
schedule = "hourly"
keep = "60 h"
[[policy.backup]]
name = "daily"
schedule = "daily at 02:00 Europe/Berlin"
keep = "5 d"
[policy.objectives]
rpo = "5 min"
"#;

const NEW: &str = r#"
[stack]
name = "store"
[[source]]
name = "orders"
url = "env:STORE_URL"
[[source]]
name = "images"
url = "command:secret images"
[policy]
manual = "30 d"
zone = "Europe/Berlin"
windows = ["daily 23:00-05:00", "Sun 00:00-24:00"]
[[policy.backup]]
name = "weekly"
schedule = "weekly on Sunday at 03:00"
keep = "last 5"
jitter = "10 min"
[[policy.backup]]
name = "daily"
schedule = "daily at 03:00 Europe/Berlin"
keep = "7 d"
jitter = "5 min"
catch_up = false
[policy.log]
keep = "14 d"
[policy.drill]
schedule = "daily at 04:00"
checks = "shop.toml"
[policy.objectives]
rto = "1 h"
[policy.approvals]
restore = 2
expires = "1 h"
[policy.entitlements]
manual_backups = 10
clones = "no"
"#;

const CHANGES: &str = r#"source "search": removed
policy.backup "hourly": removed
stack: name shop -> store
source "orders": url env:ORDERS_URL -> env:STORE_URL
source "images": added: url command:secret images
policy: zone UTC -> Europe/Berlin
policy: manual none -> 30 d
policy: windows "daily 23:00-05:00 UTC" -> "daily 23:00-05:00 UTC", "Sun 00:00-24:00 UTC"
policy.backup "weekly": added: schedule weekly on Sunday at 03:00 UTC, keep last 5, jitter 10 min, catch_up true
policy.backup "daily": schedule daily at 02:00 Europe/Berlin -> daily at 03:00 Europe/Berlin
policy.backup "daily": keep 5 d -> 7 d
policy.backup "daily": jitter none -> 5 min
policy.backup "daily": catch_up true -> false
policy.log: keep 7 d -> 14 d
policy.drill: added: schedule daily at 04:00 UTC, checks shop.toml
policy.objectives: rpo 5 min -> none
policy.objectives: rto none -> 1 h
policy.approvals: restore 0 -> 2
policy.approvals: expires 4 h -> 1 h
policy.entitlements: manual_backups unlimited -> 10
policy.entitlements: clones unlimited -> no"#;

#[test]
fn nothing_changes_between_a_stack_and_itself_in_another_order() {
    let mut turned = stack(OLD);
    turned.sources.reverse();
    turned.policy.backups.reverse();
    assert_eq!(diff(&stack(OLD), &turned), []);
}

#[test]
fn every_change_is_said_with_what_was_and_what_is() {
    let changes = diff(&stack(OLD), &stack(NEW));
    let said: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(said.join("\n"), CHANGES);
    assert_eq!(diff(&stack(NEW), &stack(NEW)), []);
}
