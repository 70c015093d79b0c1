//! The daemon's HTTP API over its Unix socket. Knows routes and the one error shape, nothing of what is shown.

use std::path::Path;

use api::{
    BackupAsk, CheckAsk, CloneAsk, DrillAsk, DrillReport, ErrorBody, ExpireAsk, ExtractAsk, HydrationAsk, InstanceView,
    Operation, PeekAsk, PinAsk, ProtectAnswer, ProtectAsk, RestoreAsk, RestorePlan, SourceView, SqlAnswer, SqlAsk,
    Status, TimelineView,
};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

const BASE: &str = "http://rekindle/api/v1";

#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    socket: String,
}

type Answer<T> = Result<T, Failure>;

impl Client {
    pub fn new(socket: &Path) -> Answer<Client> {
        let built = reqwest::Client::builder().unix_socket(socket).build();
        let http = built.map_err(|error| Failure::internal("the HTTP client cannot be made", innermost(&error)))?;
        Ok(Client { http, socket: socket.display().to_string() })
    }

    pub async fn status(&self) -> Answer<Status> {
        self.get(&["status"]).await
    }

    pub async fn source(&self, name: &str) -> Answer<SourceView> {
        self.get(&["sources", name]).await
    }

    pub async fn timeline(&self, name: &str) -> Answer<TimelineView> {
        self.get(&["sources", name, "timeline"]).await
    }

    pub async fn protect(&self, ask: &ProtectAsk) -> Answer<ProtectAnswer> {
        self.post(&["sources"], ask).await
    }

    pub async fn unprotect(&self, name: &str) -> Answer<()> {
        self.forget(Method::DELETE, &["sources", name], None::<&()>).await
    }

    pub async fn backup(&self, name: &str, ask: &BackupAsk) -> Answer<Operation> {
        self.post(&["sources", name, "backups"], ask).await
    }

    pub async fn restore_plan(&self, name: &str, ask: &RestoreAsk) -> Answer<RestorePlan> {
        self.post(&["sources", name, "restores", "plan"], ask).await
    }

    pub async fn restore(&self, name: &str, ask: &RestoreAsk) -> Answer<Operation> {
        self.post(&["sources", name, "restores"], ask).await
    }

    pub async fn clone_source(&self, name: &str, ask: &CloneAsk) -> Answer<Operation> {
        self.post(&["sources", name, "clones"], ask).await
    }

    pub async fn peek(&self, name: &str, ask: &PeekAsk) -> Answer<Operation> {
        self.post(&["sources", name, "peeks"], ask).await
    }

    pub async fn drill(&self, name: &str, ask: &DrillAsk) -> Answer<Operation> {
        self.post(&["sources", name, "drills"], ask).await
    }

    pub async fn evidence(&self, name: &str, id: &str) -> Answer<DrillReport> {
        self.get(&["sources", name, "drills", id]).await
    }

    pub async fn extract(&self, name: &str, ask: &ExtractAsk) -> Answer<Operation> {
        self.post(&["sources", name, "extracts"], ask).await
    }

    pub async fn instances(&self) -> Answer<Vec<InstanceView>> {
        self.get(&["instances"]).await
    }

    pub async fn instance(&self, name: &str) -> Answer<InstanceView> {
        self.get(&["instances", name]).await
    }

    pub async fn remove_instance(&self, name: &str) -> Answer<()> {
        self.forget(Method::DELETE, &["instances", name], None::<&()>).await
    }

    pub async fn start_instance(&self, name: &str) -> Answer<InstanceView> {
        self.post(&["instances", name, "start"], &()).await
    }

    pub async fn stop_instance(&self, name: &str) -> Answer<InstanceView> {
        self.post(&["instances", name, "stop"], &()).await
    }

    pub async fn reset_instance(&self, name: &str) -> Answer<Operation> {
        self.post(&["instances", name, "reset"], &()).await
    }

    pub async fn detach_instance(&self, name: &str) -> Answer<()> {
        self.forget(Method::POST, &["instances", name, "detach"], None::<&()>).await
    }

    pub async fn hydration(&self, name: &str, ask: &HydrationAsk) -> Answer<InstanceView> {
        self.post(&["instances", name, "hydration"], ask).await
    }

    pub async fn keep_instance(&self, name: &str) -> Answer<()> {
        self.forget(Method::POST, &["instances", name, "keep"], None::<&()>).await
    }

    pub async fn sql(&self, name: &str, ask: &SqlAsk) -> Answer<Vec<SqlAnswer>> {
        self.post(&["instances", name, "sql"], ask).await
    }

    pub async fn check(&self, ask: &CheckAsk) -> Answer<Operation> {
        self.post(&["check"], ask).await
    }

    pub async fn expire(&self, name: &str, ask: &ExpireAsk) -> Answer<Operation> {
        self.post(&["sources", name, "expire"], ask).await
    }

    pub async fn pin(&self, name: &str, backup: &str, ask: &PinAsk) -> Answer<()> {
        self.forget(Method::POST, &["sources", name, "backups", backup, "pin"], Some(ask)).await
    }

    pub async fn unpin(&self, name: &str, backup: &str) -> Answer<()> {
        self.forget(Method::DELETE, &["sources", name, "backups", backup, "pin"], None::<&()>).await
    }

    pub async fn operation(&self, id: &str) -> Answer<Operation> {
        self.get(&["operations", id]).await
    }

    pub async fn cancel(&self, id: &str) -> Answer<()> {
        self.forget(Method::POST, &["operations", id, "cancel"], None::<&()>).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Answer<T> {
        read(path, &self.send(Method::GET, path, None::<&()>).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &[&str], ask: &impl Serialize) -> Answer<T> {
        read(path, &self.send(Method::POST, path, Some(ask)).await?)
    }

    async fn forget(&self, method: Method, path: &[&str], ask: Option<&impl Serialize>) -> Answer<()> {
        self.send(method, path, ask).await.map(|_| ())
    }

    async fn send(&self, method: Method, path: &[&str], ask: Option<&impl Serialize>) -> Answer<Vec<u8>> {
        let url = url(path);
        let mut request = self.http.request(method, url);
        if let Some(ask) = ask {
            request = request.json(ask);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let good = response.status().is_success();
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec();
        if good {
            return Ok(body);
        }
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(error) => Err(error.into()),
            Err(_) => Err(Failure::answer(&path.join("/"), format!("HTTP {status}"))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let cause = innermost(error);
        let hint = if cause.to_lowercase().contains("permission denied") {
            "the socket belongs to the daemon's user: try with sudo"
        } else {
            "start it: sudo systemctl start rekindle   or: rekindle serve"
        };
        Failure::no_daemon(&self.socket, &cause, hint)
    }
}

/// Names come from people: every segment is escaped.
fn url(path: &[&str]) -> String {
    let mut url = BASE.to_owned();
    for segment in path {
        url.push('/');
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
                b'.' if !matches!(*segment, "." | "..") => url.push('.'),
                _ => url.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    url
}

fn read<T: DeserializeOwned>(path: &[&str], body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| Failure::answer(&path.join("/"), error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests;
