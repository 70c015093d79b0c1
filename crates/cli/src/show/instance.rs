//! What was opened: clones, peeks, and restores whose files are still being fetched.

use api::{InstanceKind, InstanceView, MountView};

use super::{View, units};

pub fn all(views: &[InstanceView], view: &View) -> String {
    if views.is_empty() {
        return "Nothing is open.\n    rekindle clone SOURCE --to latest\n".to_owned();
    }
    let width = views.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    views.iter().map(|one| line(one, width, view)).collect()
}

/// One line, and what somebody should know below it.
pub fn line(one: &InstanceView, width: usize, view: &View) -> String {
    let kind = format!("{:?}", one.kind).to_lowercase();
    let mut parts = vec![format!("{kind} of {}", one.source), one.standing.clone()];
    parts.extend(
        one.report
            .as_ref()
            .and_then(|report| report.reached_commit)
            .map(|at| format!("at {}", view.short_with_zone(at))),
    );
    parts.extend(one.port.filter(|_| one.standing == "serves").map(|port| format!("port {port}")));
    parts.push(format!("{} here", units::bytes(one.local_bytes)));
    if one.kind == InstanceKind::Restore {
        parts.extend(one.mount.as_ref().map(present));
    }
    parts.extend(
        one.expires.filter(|_| one.kind != InstanceKind::Peek).map(|at| format!("until {}", view.short_with_zone(at))),
    );
    let mark = if one.conditions.is_empty() { '✓' } else { '!' };
    let mut text = format!("{mark} {:<width$}  {}\n", one.name, parts.join(" · "));
    for condition in &one.conditions {
        let mark = if condition.severity == "critical" { '✗' } else { '!' };
        let since = condition.since.map_or(String::new(), |at| format!(" ({})", view.short_with_zone(at)));
        text.push_str(&format!("    {mark} {}{since}\n      {}\n", condition.text, condition.advice));
    }
    text
}

/// With how to connect.
pub fn one(one: &InstanceView, view: &View) -> String {
    let mut text = line(one, one.name.chars().count(), view);
    let mut row = |name: &str, value: String| text.push_str(&format!("    {name:<9} {value}\n"));
    row("moment", moment(one, view));
    if let Some(report) = &one.report {
        let took = report.durations.last().map_or(0.0, |total| total.seconds);
        row("opened", format!("in {} · backup {}", units::seconds(took), report.backup));
    }
    if let Some(directory) = &one.data_directory {
        row("files", directory.clone());
    }
    if let (Some(socket), Some(port), Some(user)) = (&one.socket_folder, one.port, &one.superuser) {
        row("connect", format!("psql -h {socket} -p {port} -U {user} postgres"));
    }
    text
}

/// Which moment it shows.
pub fn moment(one: &InstanceView, view: &View) -> String {
    let Some(report) = &one.report else { return "not yet reached".to_owned() };
    match report.reached_commit {
        Some(at) => format!("{} · LSN {}", view.short_with_zone(at), report.reached),
        None => format!("LSN {}", report.reached),
    }
}

fn present(mount: &MountView) -> String {
    if mount.whole {
        return "all of it present: it detaches when its server is stopped, or by `rekindle detach`".to_owned();
    }
    let percent = mount.bytes_present as f64 * 100.0 / (mount.bytes_total.max(1)) as f64;
    let eta = match (mount.paused, mount.eta_seconds) {
        (true, _) => ", paused".to_owned(),
        (_, Some(seconds)) => format!(", ETA {}", units::seconds(seconds as f64)),
        _ => String::new(),
    };
    format!("{percent:.0} % of {} present{eta}", units::bytes(mount.bytes_total))
}
