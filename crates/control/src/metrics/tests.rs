//! The names are a promise: to dashboards, to rules, and to the page that lists them.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const GOLDEN: &str = "rekindle_alarms rekindle_alert_channel_up rekindle_api_requests_total rekindle_backup_age_seconds \
    rekindle_backup_duration_seconds rekindle_backup_last_timestamp_seconds rekindle_backup_size_bytes \
    rekindle_backup_stored_bytes rekindle_backups rekindle_build_info rekindle_drill_last_failed_timestamp_seconds \
    rekindle_drill_last_passed_timestamp_seconds rekindle_key_last_tested_timestamp_seconds \
    rekindle_last_look_timestamp_seconds rekindle_log_lag_bytes rekindle_log_lag_seconds \
    rekindle_log_last_commit_durable_timestamp_seconds rekindle_log_receiving rekindle_operations \
    rekindle_restore_projected_seconds rekindle_start_loop_starts rekindle_vault_free_bytes rekindle_vault_objects \
    rekindle_vault_size_bytes";

fn names() -> BTreeSet<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// Every word that looks like one of our metrics.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("rekindle_")).map(str::to_owned).collect()
}

#[test]
fn the_names_are_the_promised_ones() {
    assert_eq!(names(), GOLDEN.split_whitespace().collect());
    assert_eq!(names().len(), NAMES.len(), "one is listed twice");
}

#[test]
fn every_figure_is_rendered_under_its_name_and_nothing_else() {
    let mut figures = Figures::default();
    for (name, _) in NAMES.iter().filter(|(name, _)| !name.ends_with("_total")) {
        figures.put(name, &[("source", "a \"b\"\n")], 1.5);
    }
    figures.requests.push((vec![("method", "GET".into())], 3));
    let text = render(&figures);
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('{').next());
    assert_eq!(samples.collect::<BTreeSet<_>>(), names(), "{text}");
    assert!(text.contains("rekindle_backups{source=\"a \\\"b\\\"\\n\"} 1.5\n"), "{text}");
    assert!(text.contains("rekindle_api_requests_total{method=\"GET\"} 3\n") && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn the_page_lists_every_name_and_the_dashboard_only_those_there_are() {
    let listed = mentioned(&page("alarms.md"));
    let missing: Vec<_> = names().into_iter().filter(|name| !listed.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/alarms.md lacks {missing:?}");
    let dashboard = page("grafana.json");
    let json: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(json["panels"].as_array().is_some_and(|panels| panels.len() >= 8));
    let shown = mentioned(&dashboard);
    let unknown: Vec<_> = shown.iter().filter(|name| !names().contains(name.as_str())).collect();
    assert!(unknown.is_empty() && shown.len() >= 12, "docs/grafana.json: {unknown:?} of {shown:?}");
}

#[test]
fn the_page_explains_every_kind_of_alarm() {
    let page = page("alarms.md");
    let missing: Vec<_> =
        Kind::ALL.iter().map(|kind| kind.name()).filter(|name| !page.contains(&format!("| `{name}`"))).collect();
    assert!(missing.is_empty(), "docs/alarms.md lacks {missing:?}");
}
