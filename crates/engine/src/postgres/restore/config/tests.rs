//! Settings of a restored server: what is taken out, and how values are quoted.

use super::*;

#[test]
fn what_is_in_the_way_is_commented_out_once() {
    let text = "port = 5432\nwork_mem = 4MB\n  Listen_Addresses='*'\n#port = 1\nrecovery_target_time 'x'\n";
    let once = without_settings(text, &[OWN_SETTINGS, RECOVERY_SETTINGS].concat());
    let kept: Vec<&str> = once.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(kept, ["work_mem = 4MB"]);
    assert_eq!(without_settings(&once, &[OWN_SETTINGS, RECOVERY_SETTINGS].concat()), once);
}

#[test]
fn our_own_includes_are_not_kept_twice() {
    let text =
        format!("work_mem = 4MB\n\n{OURS} what this restored server needs\ninclude_if_exists = 'rekindle.conf'\n");
    assert!(!without_settings(&text, &[]).contains("include_if_exists"));
}

#[test]
fn values_survive_quoting() {
    assert_eq!(render(&[("a", "it's \\".into())]), "# by Rekindle: written at restore\na = 'it''s \\\\'\n");
}
