//! Expiry, as an operation. Its result is the plan, and, when it was applied, what was removed.

use api::{ExpireAsk, KeepView, Operation, OperationKind};
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
                Some(apply(&daemon.vault, &plan).await?)
            }
        };
        Ok(serde_json::json!({ "plan": plan, "applied": applied }))
    })
    .await
}

fn rules(keep: &KeepView) -> Result<KeepRules> {
    let zone = keep.time_zone.as_deref().unwrap_or("UTC");
    let _ = zone;
    let some = [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly].iter().any(Option::is_some);
    if !some && keep.within_seconds.is_none() {
        return Err(Error::Ask("no rule says what to keep: nothing would be kept, so nothing is expired".into()));
    }
    todo!()
}
