//! `[alerts]` of the configuration: how conditions are looked at, who is told, and whom the heartbeats reach.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secret::{SecretRef, is_reference};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Everything is looked at so often.
    pub look_seconds: u64,
    /// What comes and goes by nature must be there, or gone, for so long before it counts.
    pub hold_off_seconds: u64,
    /// An alarm that is still there is told of again after this, and then every so often; never when 0.
    pub repeat_first_seconds: u64,
    pub repeat_then_seconds: u64,
    /// A backup or drill may be so late.
    pub overdue_grace_seconds: u64,
    /// An operation that waits for a person may wait so long.
    pub waiting_seconds: u64,
    /// More difference between two clocks than this is an alarm.
    pub clock_skew_seconds: u64,
    /// The key is tried so often.
    pub key_test_seconds: u64,
    /// A disk or vault with less free than this is filling; with a third of it, critically so.
    pub free_percent: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channel: Vec<ChannelSettings>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heartbeat: Vec<HeartbeatSettings>,
}

impl Default for AlertSettings {
    fn default() -> AlertSettings {
        AlertSettings {
            look_seconds: 10,
            hold_off_seconds: 30,
            repeat_first_seconds: 3600,
            repeat_then_seconds: 6 * 3600,
            overdue_grace_seconds: 1800,
            waiting_seconds: 3600,
            clock_skew_seconds: 30,
            key_test_seconds: 24 * 3600,
            free_percent: 10,
            channel: Vec::new(),
            heartbeat: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    Webhook,
    Slack,
    Smtp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeastSeverity {
    #[default]
    Warning,
    Critical,
}

/// How a mail server is spoken with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpSecurity {
    #[default]
    Starttls,
    Tls,
    None,
}

/// One who is told. Which settings belong to which kind is checked by `wrong`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    pub name: String,
    pub kind: ChannelKind,
    #[serde(default)]
    pub severity: LeastSeverity,
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
    /// A certificate authority of one's own, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Webhook and Slack: where to; a reference when the address itself is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Webhook: what the messages are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// Without encryption on the way to another machine.
    #[serde(default)]
    pub allow_http: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<SmtpSecurity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

/// An address that is called only while all is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatSettings {
    pub name: String,
    pub url: String,
    #[serde(default = "sixty")]
    pub every_seconds: u64,
    /// Only what concerns these, and what concerns all; everything when both are empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<String>,
    /// An alarm below this does not stop it.
    #[serde(default)]
    pub severity: LeastSeverity,
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_http: bool,
}

fn ten() -> u64 {
    10
}

fn sixty() -> u64 {
    60
}

impl AlertSettings {
    /// The first thing that is not right.
    pub(super) fn wrong(&self) -> Option<String> {
        let rules = [
            ((1..=3600).contains(&self.look_seconds), "alerts.look_seconds must be 1 to 3600"),
            (self.hold_off_seconds <= 3600, "alerts.hold_off_seconds must be at most 3600"),
            (self.clock_skew_seconds >= 1, "alerts.clock_skew_seconds must be at least 1"),
            (self.key_test_seconds >= 1, "alerts.key_test_seconds must be at least 1"),
            (self.free_percent <= 100, "alerts.free_percent must be at most 100"),
        ];
        let rule = rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned());
        let of_channel = |channel: &ChannelSettings| {
            channel.wrong().map(|what| format!("alerts.channel {:?}: {what}", channel.name))
        };
        let of_heartbeat =
            |beat: &HeartbeatSettings| beat.wrong().map(|what| format!("alerts.heartbeat {:?}: {what}", beat.name));
        let names = || self.channel.iter().map(|c| &c.name).chain(self.heartbeat.iter().map(|h| &h.name));
        let mut seen = BTreeSet::new();
        rule.or_else(|| self.channel.iter().find_map(of_channel))
            .or_else(|| self.heartbeat.iter().find_map(of_heartbeat))
            .or_else(|| {
                names().find(|name| !seen.insert(*name)).map(|name| format!("two of alerts are called {name:?}"))
            })
    }
}

impl ChannelSettings {
    fn wrong(&self) -> Option<String> {
        let of_http = [self.url.is_some(), self.secret.is_some(), self.allow_http];
        let of_smtp = [
            self.host.is_some(),
            self.port.is_some(),
            self.security.is_some(),
            self.username.is_some(),
            self.password.is_some(),
            self.from.is_some(),
            !self.to.is_empty(),
        ];
        let foreign = match self.kind {
            ChannelKind::Smtp => of_http.contains(&true).then_some("url, secret and allow_http are of other kinds"),
            _ => of_smtp.contains(&true).then_some("host, port, security, username, password, from and to are of smtp"),
        };
        wrong_name(&self.name)
            .or_else(|| wrong_limit(self.timeout_seconds))
            .or_else(|| foreign.map(str::to_owned))
            .or_else(|| match self.kind {
                ChannelKind::Webhook => wrong_url(self.url.as_deref(), self.allow_http),
                ChannelKind::Slack => self.wrong_slack(),
                ChannelKind::Smtp => self.wrong_smtp(),
            })
    }

    fn wrong_slack(&self) -> Option<String> {
        if self.secret.is_some() {
            return Some("secret is for webhooks; Slack's address is the secret".to_owned());
        }
        let url = self.url.as_deref();
        match url.is_some_and(|url| !is_reference(url)) {
            true => {
                Some("the address of a Slack webhook is a secret: write url = \"env:NAME\" or \"file:/path\"".into())
            }
            false => wrong_url(url, self.allow_http),
        }
    }

    fn wrong_smtp(&self) -> Option<String> {
        let address = |text: &String| text.parse::<lettre::message::Mailbox>().is_ok();
        let security = self.security.unwrap_or_default();
        let rules = [
            (self.host.as_ref().is_some_and(|host| !host.is_empty()), "host is missing"),
            (self.from.as_ref().is_some_and(address), "from is missing, or is no mail address"),
            (!self.to.is_empty() && self.to.iter().all(address), "to is missing, or holds no mail address"),
            (self.username.is_some() == self.password.is_some(), "username and password belong together"),
            (
                security != SmtpSecurity::None || self.password.is_none(),
                "a password is not sent without encryption: use security = \"starttls\" or \"tls\"",
            ),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned())
    }
}

impl HeartbeatSettings {
    fn wrong(&self) -> Option<String> {
        let often = (1..=86_400).contains(&self.every_seconds);
        wrong_name(&self.name)
            .or_else(|| wrong_limit(self.timeout_seconds))
            .or_else(|| (!often).then(|| "every_seconds must be 1 to 86400".to_owned()))
            .or_else(|| wrong_url(Some(&self.url), self.allow_http))
    }
}

fn wrong_name(name: &str) -> Option<String> {
    let shaped = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    let fine = shaped && (1..=63).contains(&name.len());
    (!fine).then(|| "a name has 1 to 63 of a-z, 0-9, _ and -".to_owned())
}

fn wrong_limit(seconds: u64) -> Option<String> {
    (!(1..=120).contains(&seconds)).then(|| "timeout_seconds must be 1 to 120".to_owned())
}

/// A reference is looked at when it is used.
fn wrong_url(url: Option<&str>, allow_http: bool) -> Option<String> {
    match url {
        None | Some("") => Some("url is missing".to_owned()),
        Some(reference) if is_reference(reference) => SecretRef::try_from(reference.to_owned()).err(),
        Some(url) => address_is_wrong(url, allow_http),
    }
}

/// What is wrong with an address, without repeating it.
pub(crate) fn address_is_wrong(url: &str, allow_http: bool) -> Option<String> {
    let Ok(url) = reqwest::Url::parse(url) else { return Some("the address is no URL".to_owned()) };
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Some("the address holds a password: write a reference such as env:NAME in its place".to_owned())
        }
        "https" => None,
        "http" if here || allow_http => None,
        "http" => Some("http sends it in clear: use https, or say allow_http = true".to_owned()),
        _ => Some("the address must begin with https://".to_owned()),
    }
}
