//! A value behind an HTTP address: one request says what stands there, at a JSON pointer of its answer, another changes it. Where both are of
//! one address and the answer has a tag (`ETag`), the change is asked for only as long as that tag is right (`If-Match`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Endpoint, another, told, unseen};
use crate::driver::web::{self, Answer, Request, Way};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

const AGAIN_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpEndpoint {
    /// Where in the answer: `/database/host`; empty: the answer's whole text.
    #[serde(default)]
    pub(crate) pointer: String,
    /// None named: any 2xx. Of the change.
    #[serde(default)]
    pub(crate) statuses: Vec<u16>,
    /// Of each request, and until the first says what the second did.
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) allow_http: bool,
    /// Says what stands there.
    pub(crate) current: Request,
    /// Puts `{to}` where `{from}` stands.
    pub(crate) point: Request,
}

fn timeout_seconds() -> u64 {
    30
}

impl HttpEndpoint {
    pub(crate) fn wrong(&self) -> Option<String> {
        let of = |name: &str, wrong: Option<String>| wrong.map(|wrong| format!("{name}: {wrong}"));
        if !self.pointer.is_empty() && !self.pointer.starts_with('/') {
            return Some(format!("pointer {:?} must begin with /", self.pointer));
        }
        let texts = [Some(&self.point.url), self.point.body.as_ref()];
        let lost = !texts.into_iter().flatten().any(|text| text.contains("{to}"));
        web::wrong_times_and_statuses(self.timeout_seconds, &self.statuses, self.ca_file.as_deref())
            .or_else(|| of("current", self.current.wrong(&[], self.way())))
            .or_else(|| of("point", self.point.wrong(&["from", "to"], self.way())))
            .or_else(|| lost.then(|| "point: neither url nor body has {to}".to_owned()))
    }

    fn way(&self) -> Way<'_> {
        let limit = Duration::from_secs(self.timeout_seconds);
        Way { limit, ca_file: self.ca_file.as_deref(), allow_http: self.allow_http }
    }

    async fn look(&self, host: &Host) -> Outcome<(String, Answer)> {
        let answer = self.current.send(host, &BTreeMap::new(), self.way()).await?;
        answer.expected(&[])?;
        Ok((self.value(&answer)?, answer))
    }

    fn value(&self, answer: &Answer) -> Outcome<String> {
        let refused = |why: String| Trouble::refused(format!("{} answered {why}: {}", answer.asked, answer.shown()));
        if self.pointer.is_empty() {
            return Ok(answer.text.trim().to_owned());
        }
        let whole: Value = serde_json::from_str(&answer.text).map_err(|_| refused("no JSON".to_owned()))?;
        match whole.pointer(&self.pointer) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(refused(format!("neither a text nor a number at {}", self.pointer))),
            None => Err(refused(format!("nothing at {}", self.pointer))),
        }
    }

    /// A weak tag says too little.
    fn tag<'a>(&self, answer: &'a Answer) -> Option<&'a str> {
        let same = self.current.url == self.point.url;
        answer.etag.as_deref().filter(|tag| same && tag.starts_with('"'))
    }

    async fn until_seen(&self, host: &Host, from: &str, to: &str) -> Outcome<()> {
        let end = tokio::time::Instant::now() + Duration::from_secs(self.timeout_seconds);
        loop {
            let (found, _) = self.look(host).await?;
            if found == to {
                return Ok(());
            }
            if found != from {
                return Err(another(&self.what(), &found, from, to));
            }
            if tokio::time::Instant::now() + AGAIN_AFTER > end {
                return Err(unseen(&self.what(), &found, to, self.timeout_seconds));
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

#[async_trait]
impl Driver for HttpEndpoint {
    fn what(&self) -> String {
        web::origin(&self.current.url)
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let mut troubles = self.point.unread(host).await;
        troubles.extend(web::ca_trouble(self.ca_file.as_deref()));
        troubles.extend(self.look(host).await.err());
        troubles
    }
}

#[async_trait]
impl Endpoint for HttpEndpoint {
    async fn current(&self, host: &Host) -> Outcome<String> {
        Ok(self.look(host).await?.0)
    }

    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()> {
        let (found, answer) = self.look(host).await?;
        if found == to {
            return Ok(());
        }
        if found != from {
            return Err(another(&self.what(), &found, from, to));
        }
        let changed = self.point.send_if(host, &told(from, to), self.way(), self.tag(&answer)).await?;
        if changed.status == 412 {
            return Err(Trouble::away(format!("{} has been changed in this moment", self.what())));
        }
        changed.expected(&self.statuses)?;
        self.until_seen(host, from, to).await
    }
}
