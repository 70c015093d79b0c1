//! A request to an address of one's own. The status of the answer says whether all is well.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Hook, Say, TOLD, Told};
use crate::driver::web::{self, Request, Way};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpHook {
    #[serde(default = "post")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// None named: any 2xx.
    #[serde(default)]
    pub(crate) statuses: Vec<u16>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) allow_http: bool,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

fn post() -> String {
    "POST".to_owned()
}

fn timeout_seconds() -> u64 {
    30
}

impl HttpHook {
    pub(crate) fn wrong(&self) -> Option<String> {
        web::wrong_times_and_statuses(self.timeout_seconds, &self.statuses, self.ca_file.as_deref())
            .or_else(|| self.request().wrong(TOLD, self.way()))
    }

    fn request(&self) -> Request {
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            body: self.body.clone(),
            headers: self.headers.clone(),
        }
    }

    fn way(&self) -> Way<'_> {
        let limit = Duration::from_secs(self.timeout_seconds);
        Way { limit, ca_file: self.ca_file.as_deref(), allow_http: self.allow_http }
    }
}

#[async_trait]
impl Driver for HttpHook {
    fn what(&self) -> String {
        self.request().shown()
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let mut troubles = self.request().unread(host).await;
        troubles.extend(web::ca_trouble(self.ca_file.as_deref()));
        troubles.extend(web::unreachable(&self.url, host, self.way()).await);
        troubles
    }
}

#[async_trait]
impl Hook for HttpHook {
    async fn run(&self, host: &Host, told: &Told, say: Say<'_>) -> Outcome<()> {
        let mut request = self.request();
        if told.contains_key("operation") && told.contains_key("phase") {
            // A step may run again after a crash; who goes by this does it once.
            request.headers.entry("idempotency-key".to_owned()).or_insert("{operation}-{phase}".to_owned());
        }
        let answer = request.send(host, told, self.way()).await?;
        answer.expected(&self.statuses)?;
        say(&format!("{} answered {}", answer.asked, answer.status));
        Ok(())
    }
}
