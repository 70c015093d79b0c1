//! The daemon's HTTP API, over its Unix socket or over the network. Knows routes and the one error shape, nothing of what is shown.

use std::path::Path;

use api::{
    AlarmDetail, AlarmTestAsk, AlarmView, ApplyAnswer, ApplyAsk, AuditRecord, AuditVerdict, BackupAsk, ChannelTest,
    CheckAsk, CloneAsk, ConsentAsk, ConsumerView, DrillAsk, DrillReport, ErrorBody, ExpireAsk, ExtractAsk,
    HydrationAsk, InstanceView, LogLine, LoginAsk, NewToken, Operation, OperationAsk, PasswordAsk, PeekAsk, PinAsk,
    ProtectAnswer, ProtectAsk, RestoreAsk, RestorePlan, RetiredView, RolesAsk, SecretAnswer, SecretsView, SessionView,
    SourceView, SqlAnswer, SqlAsk, StackView, Status, TimelineView, TokenAsk, TokenView, UserAsk, UserView,
};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

const API: &str = "/api/v1";
const REQUEST_ID: &str = "x-request-id";

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// `http://rekindle` on a socket.
    origin: String,
    /// Socket or address, for people.
    place: String,
    is_local: bool,
    token: Option<String>,
    session: Option<Session>,
}

/// What a browser would keep.
#[derive(Clone)]
struct Session {
    cookie: String,
    csrf: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(…)")
    }
}

type Answer<T> = Result<T, Failure>;

impl Client {
    pub fn local(socket: &Path, token: Option<String>) -> Answer<Client> {
        let http = build(reqwest::Client::builder().unix_socket(socket))?;
        let (origin, place) = ("http://rekindle".to_owned(), socket.display().to_string());
        Ok(Client { http, origin, place, is_local: true, token, session: None })
    }

    /// Without encryption only to this host: a token would cross the network readable.
    pub fn remote(server: &str, token: Option<String>, ca_file: Option<&Path>) -> Answer<Client> {
        let origin = server.trim_end_matches('/').to_owned();
        if !is_safe(&origin) {
            let hint = "write --server https://HOST:PORT; http:// only to this host itself, by its loopback address";
            return Err(Failure::input(format!("{server:?} is no address of a daemon that can be used"), hint));
        }
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        if let Some(path) = ca_file {
            builder = builder.tls_certs_only(certificates(path)?);
        }
        Ok(Client { http: build(builder)?, place: origin.clone(), origin, is_local: false, token, session: None })
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

    pub async fn apply(&self, ask: &ApplyAsk) -> Answer<ApplyAnswer> {
        read(&["stacks"], &self.send(Method::PUT, &["stacks"], Some(ask)).await?)
    }

    pub async fn stacks(&self) -> Answer<Vec<StackView>> {
        self.get(&["stacks"]).await
    }

    pub async fn stack(&self, name: &str) -> Answer<StackView> {
        self.get(&["stacks", name]).await
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

    pub async fn extract_plan(&self, name: &str, ask: &ExtractAsk) -> Answer<RestorePlan> {
        self.post(&["sources", name, "extracts", "plan"], ask).await
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

    pub async fn consumers(&self, name: &str) -> Answer<Vec<ConsumerView>> {
        self.get(&["sources", name, "consumers"]).await
    }

    pub async fn retired(&self) -> Answer<Vec<RetiredView>> {
        self.get(&["retired"]).await
    }

    pub async fn retire(&self, operation: &str) -> Answer<()> {
        self.forget(Method::POST, &["operations", operation, "retire"], None::<&()>).await
    }

    pub async fn rollback(&self, operation: &str, ask: &ConsentAsk) -> Answer<Operation> {
        self.post(&["operations", operation, "rollback"], ask).await
    }

    pub async fn rollback_plan(&self, operation: &str, ask: &ConsentAsk) -> Answer<RestorePlan> {
        self.post(&["operations", operation, "rollback", "plan"], ask).await
    }

    pub async fn operation_plan(&self, operation: &str) -> Answer<RestorePlan> {
        self.get(&["operations", operation, "plan"]).await
    }

    pub async fn secrets(&self, stack: &str) -> Answer<SecretsView> {
        self.get(&["stacks", stack, "secrets"]).await
    }

    pub async fn read_secret(&self, stack: &str, name: &str) -> Answer<SecretAnswer> {
        self.post(&["stacks", stack, "secrets", name, "read"], &()).await
    }

    /// As the daemon writes it: markdown, html or json.
    pub async fn report(&self, operation: &str, format: &str) -> Answer<String> {
        let path = ["operations", operation, "report"];
        let body = self.send_with(Method::GET, &path, &[("format", format)], None::<&()>).await?;
        String::from_utf8(body).map_err(|error| Failure::answer(&path.join("/"), error))
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

    pub async fn operations(
        &self,
        source: Option<&str>,
        kind: Option<&str>,
        unfinished: bool,
        limit: u32,
    ) -> Answer<Vec<Operation>> {
        let (unfinished, limit) = (unfinished.to_string(), limit.to_string());
        let mut query = vec![("unfinished", unfinished.as_str()), ("limit", &limit)];
        query.extend(source.map(|source| ("source", source)));
        query.extend(kind.map(|kind| ("kind", kind)));
        read(&["operations"], &self.send_with(Method::GET, &["operations"], &query, None::<&()>).await?)
    }

    pub async fn operation_log(&self, id: &str, after: u64) -> Answer<Vec<LogLine>> {
        let path = ["operations", id, "log"];
        read(&path, &self.send_with(Method::GET, &path, &[("after", &after.to_string())], None::<&()>).await?)
    }

    /// `approve`, `refuse`, `pause`, `resume`, `cancel`, `retry`, `abandon`
    pub async fn tell_operation(&self, id: &str, word: &str, ask: &OperationAsk) -> Answer<Operation> {
        self.post(&["operations", id, word], ask).await
    }

    pub async fn alarms(&self, query: &[(&str, &str)]) -> Answer<Vec<AlarmView>> {
        read(&["alarms"], &self.send_with(Method::GET, &["alarms"], query, None::<&()>).await?)
    }

    pub async fn alarm(&self, n: u64) -> Answer<AlarmDetail> {
        self.get(&["alarms", &n.to_string()]).await
    }

    pub async fn test_channels(&self, ask: &AlarmTestAsk) -> Answer<Vec<ChannelTest>> {
        self.post(&["alarms", "test"], ask).await
    }

    /// From here on in the name of who signed in.
    pub async fn sign_in(&mut self, ask: &LoginAsk) -> Answer<()> {
        let request = self.http.post(format!("{}{}", self.origin, path_of(&["login"]))).json(ask);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let kept = response.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = kept.and_then(|value| value.split(';').next()).unwrap_or_default().to_owned();
        let good = response.status().is_success();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if !good {
            return Err(read::<ErrorBody>(&["login"], &body)?.into());
        }
        let view: SessionView = read(&["login"], &body)?;
        (self.token, self.session) = (None, Some(Session { cookie, csrf: view.csrf.0 }));
        Ok(())
    }

    pub async fn sign_out(&self) -> Answer<()> {
        self.forget(Method::POST, &["logout"], None::<&()>).await
    }

    pub async fn users(&self) -> Answer<Vec<UserView>> {
        self.get(&["users"]).await
    }

    pub async fn add_user(&self, ask: &UserAsk) -> Answer<UserView> {
        self.post(&["users"], ask).await
    }

    pub async fn remove_user(&self, name: &str) -> Answer<()> {
        self.forget(Method::DELETE, &["users", name], None::<&()>).await
    }

    pub async fn set_roles(&self, name: &str, ask: &RolesAsk) -> Answer<UserView> {
        let path = ["users", name, "roles"];
        read(&path, &self.send(Method::PUT, &path, Some(ask)).await?)
    }

    pub async fn set_password(&self, name: &str, ask: &PasswordAsk) -> Answer<()> {
        self.forget(Method::PUT, &["users", name, "password"], Some(ask)).await
    }

    pub async fn tokens(&self) -> Answer<Vec<TokenView>> {
        self.get(&["tokens"]).await
    }

    pub async fn add_token(&self, ask: &TokenAsk) -> Answer<NewToken> {
        self.post(&["tokens"], ask).await
    }

    pub async fn revoke_token(&self, id: &str) -> Answer<()> {
        self.forget(Method::DELETE, &["tokens", id], None::<&()>).await
    }

    pub async fn audit(&self, limit: u32) -> Answer<Vec<AuditRecord>> {
        let path = ["audit"];
        read(&path, &self.send_with(Method::GET, &path, &[("limit", &limit.to_string())], None::<&()>).await?)
    }

    pub async fn verify_audit(&self) -> Answer<AuditVerdict> {
        self.get(&["audit", "verify"]).await
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
        self.send_with(method, path, &[], ask).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        ask: Option<&impl Serialize>,
    ) -> Answer<Vec<u8>> {
        let mut request = self.http.request(method, with_query(format!("{}{}", self.origin, path_of(path)), query));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &self.session {
            request = request.header("cookie", &session.cookie).header("x-rekindle-csrf", &session.csrf);
        }
        if let Some(ask) = ask {
            request = request.json(ask);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let good = response.status().is_success();
        let status = response.status();
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec();
        if good {
            return Ok(body);
        }
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(error) => Err(error.into()),
            Err(_) => {
                let id = id.map_or(String::new(), |id| format!(", request {id}"));
                Err(Failure::answer(&path.join("/"), format!("HTTP {status}{id}")))
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let cause = innermost(error);
        let hint = if !self.is_local {
            "is the address right, and is `listen` set in the configuration of the daemon there?"
        } else if cause.to_lowercase().contains("permission denied") {
            "the socket belongs to the daemon's user: try with sudo"
        } else {
            "start it: sudo systemctl start rekindle   or: rekindle serve"
        };
        Failure::no_daemon(&self.place, &cause, hint)
    }
}

fn build(builder: reqwest::ClientBuilder) -> Answer<reqwest::Client> {
    builder.build().map_err(|error| Failure::internal("the HTTP client cannot be made", innermost(&error)))
}

fn certificates(path: &Path) -> Answer<Vec<reqwest::Certificate>> {
    let text = std::fs::read(path).map_err(|error| Failure::file("read", path, error))?;
    let found = reqwest::Certificate::from_pem_bundle(&text).map_err(|error| Failure::file("use", path, error))?;
    match found.is_empty() {
        true => Err(Failure::file("use", path, "there is no certificate in it")),
        false => Ok(found),
    }
}

fn is_safe(origin: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(origin) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    let plain = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
    plain && !host.is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

/// Names come from people: every segment is escaped.
fn path_of(path: &[&str]) -> String {
    let mut url = API.to_owned();
    for segment in path {
        url.push('/');
        let dots = matches!(*segment, "." | "..");
        url.push_str(&if dots { segment.replace('.', "%2E") } else { escaped(segment) });
    }
    url
}

fn with_query(url: String, query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if pairs.is_empty() { url } else { format!("{url}?{}", pairs.join("&")) }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn read<T: DeserializeOwned>(path: &[&str], body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| Failure::answer(&path.join("/"), error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests;
