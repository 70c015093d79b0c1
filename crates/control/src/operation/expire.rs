//! Expiry, as an operation. Its result is the plan, and, when it was applied, what was removed.

use api::{ExpireAsk, KeepView, Operation, OperationKind};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use vault::expire::{KeepRules, apply, plan};
use vault::names::SourceName;

use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: ExpireAsk) -> Result<Operation> {
    let source: SourceName = name.parse()?;
    let rules = rules(&ask.keep)?;
    super::begin(daemon, OperationKind::Expire, Some(name), |daemon, watch| async move {
        watch.step("planning");
        let plan = plan(&daemon.vault, &source, &rules, daemon.host.env.now()).await?;
        let applied = match ask.apply {
            false => None,
            true => {
                watch.step("applying");
                Some(apply(&daemon.vault, &plan, watch.progress.clone()).await?)
            }
        };
        Ok(serde_json::json!({ "plan": plan, "applied": applied }))
    })
    .await
}

fn rules(keep: &KeepView) -> Result<KeepRules> {
    let counts = [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
    if counts.iter().all(|count| count.unwrap_or(0) == 0) && keep.within_seconds.unwrap_or(0) == 0 {
        return Err(Error::Ask(
            "no rule says what to keep, so nothing is expired: add --keep-last, --keep-daily or the like".into(),
        ));
    }
    let zone = match keep.time_zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|e| Error::Ask(format!("time zone {name:?}: {e}")))?,
    };
    let [last, hourly, daily, weekly, monthly, yearly] = counts.map(|count| count.unwrap_or(0) as usize);
    let mut rules = KeepRules { keep_last: last, hourly, daily, weekly, monthly, yearly, zone, ..KeepRules::default() };
    rules.keep_within = keep.within_seconds.map(seconds).transpose()?;
    if let Some(grace) = keep.grace_seconds {
        rules.grace = seconds(grace)?;
    }
    Ok(rules)
}

fn seconds(seconds: u64) -> Result<SignedDuration> {
    let seconds = i64::try_from(seconds).map_err(|_| Error::Ask(format!("{seconds} s is too long")))?;
    Ok(SignedDuration::from_secs(seconds))
}
