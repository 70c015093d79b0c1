//! A record of a DNS zone, changed by RFC 2136 and signed with TSIG (RFC 8945). The zone's server compares and swaps: the old record is the
//! update's prerequisite. Then every server of `seen_by` is asked until it answers with the new one.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use hickory_proto::op::{Message, Query, ResponseCode, update_message};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record as ResourceRecord, RecordSet, RecordType, TSigner};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Endpoint, another};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;
use crate::secret::SecretRef;

mod exchange;

use exchange::Server;

const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Of one question.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How far the clocks of both sides may be apart, as RFC 8945 recommends.
const FUDGE_SECONDS: u16 = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RecordKind {
    A,
    #[serde(rename = "AAAA")]
    Aaaa,
    #[serde(rename = "CNAME")]
    Cname,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsEndpoint {
    /// The zone's primary: a name or an address, with a port where that is not 53.
    pub(crate) server: String,
    pub(crate) zone: String,
    pub(crate) domain: String,
    pub(crate) record: RecordKind,
    #[serde(default = "ttl")]
    pub(crate) ttl: u32,
    pub(crate) key_name: String,
    /// Leads to the key in base64.
    pub(crate) key: SecretRef,
    #[serde(default = "algorithm")]
    pub(crate) algorithm: Algorithm,
    /// Servers that must answer with the change before it counts: secondaries, and the resolvers of those who ask.
    #[serde(default)]
    pub(crate) seen_by: Vec<String>,
    /// Until all of them do.
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn ttl() -> u32 {
    60
}

fn algorithm() -> Algorithm {
    Algorithm::HmacSha256
}

fn timeout_seconds() -> u64 {
    120
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.of_dns())
    }
}

impl RecordKind {
    fn of_dns(self) -> RecordType {
        match self {
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
            RecordKind::Cname => RecordType::CNAME,
        }
    }

    fn parse(self, text: &str) -> Outcome<RData> {
        let wrong = || Trouble::refused(format!("{text:?} is nothing that a record of type {self} can hold"));
        match self {
            RecordKind::A => text.parse().map(|address| RData::A(A(address))).map_err(|_| wrong()),
            RecordKind::Aaaa => text.parse().map(|address| RData::AAAA(AAAA(address))).map_err(|_| wrong()),
            RecordKind::Cname => name(text).map(|name| RData::CNAME(CNAME(name))).ok_or_else(wrong),
        }
    }
}

/// As people write it: an address, or a name without its last dot.
fn shown(data: &RData) -> String {
    match data {
        RData::CNAME(CNAME(name)) => name.to_lowercase().to_utf8().trim_end_matches('.').to_owned(),
        other => other.to_string(),
    }
}

fn name(text: &str) -> Option<Name> {
    let mut name = Name::from_utf8(text).ok().filter(|_| !text.trim().is_empty() && text != ".")?;
    name.set_fqdn(true);
    Some(name)
}

impl DnsEndpoint {
    pub(crate) fn wrong(&self) -> Option<String> {
        let Some(((zone, record), _)) = name(&self.zone).zip(name(&self.domain)).zip(name(&self.key_name)) else {
            return Some("zone, domain and key_name must be names of DNS".to_owned());
        };
        if !zone.zone_of(&record) {
            return Some(format!("domain {} is not in zone {}", self.domain, self.zone));
        }
        let servers = self.seen_by.iter().chain([&self.server]);
        if let Some(server) = servers.into_iter().find(|server| Server::parse(server).is_none()) {
            return Some(format!("server {server:?} is no name or address, with or without a port"));
        }
        (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned())
    }

    fn names(&self) -> Outcome<(Name, Name)> {
        let names = name(&self.zone).zip(name(&self.domain)).filter(|(zone, name)| zone.zone_of(name));
        names.ok_or_else(|| Trouble::refused(format!("{} is no domain in zone {}", self.domain, self.zone)))
    }

    fn set(&self, data: RData) -> Outcome<RecordSet> {
        Ok(ResourceRecord::from_rdata(self.names()?.1, self.ttl, data).into())
    }

    async fn signer(&self, host: &Host) -> Outcome<TSigner> {
        let unfit = |why: &str| {
            Trouble::refused(format!("the key of {} {why}", self.key))
                .hint("it is the secret of the key as BIND writes it: base64")
        };
        let secret = self.key.read(host).await?;
        let key = BASE64.decode(secret.expose().as_bytes()).map_err(|_| unfit("is not base64"))?;
        let algorithm = match self.algorithm {
            Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
            Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
            Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
        };
        let name = name(&self.key_name).ok_or_else(|| unfit("has no name"))?;
        TSigner::new(key, algorithm, name, FUDGE_SECONDS).map_err(|e| unfit(&e.to_string()))
    }

    /// The record as one server has it. Who changes the zone asks its primary, which must know.
    async fn found(&self, server: &str, must_know: bool) -> Outcome<RData> {
        let (_, name) = self.names()?;
        let mut question = Message::query();
        question.metadata.recursion_desired = !must_know;
        question.add_query(Query::query(name.clone(), self.record.of_dns()));
        let answer = Server::of(server)?.ask(&question, ANSWER_WITHIN).await?;
        let code = answer.metadata.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            let trouble = format!("{server} does not tell {} of {}: {code:?}", self.record, self.domain);
            return Err(Trouble { passes: code == ResponseCode::ServFail, ..Trouble::refused(trouble) });
        }
        if must_know && !answer.metadata.authoritative {
            return Err(Trouble::refused(format!("{server} has no zone {} of its own", self.zone))
                .hint("name the zone's primary as server, and resolvers in seen_by"));
        }
        let mine = |record: &&ResourceRecord| record.name == name && record.record_type() == self.record.of_dns();
        let mut records = answer.answers.iter().filter(mine);
        match (records.next(), records.next()) {
            (Some(only), None) => Ok(only.data.clone()),
            (None, _) => Err(Trouble::refused(format!("{server} has no {} of {}", self.record, self.domain))
                .hint("make it once by hand; from then on it is only changed")),
            _ => Err(Trouble::refused(format!("{server} has several records {} of {}", self.record, self.domain))
                .hint("one of them cannot be told from the others: give each database a name of its own")),
        }
    }

    async fn update(&self, host: &Host, mut message: Message) -> Outcome<ResponseCode> {
        message.metadata.recursion_desired = false;
        let now = u64::try_from(host.env.now().as_second()).unwrap_or_default();
        let signer = self.signer(host).await?;
        let code = Server::of(&self.server)?.update(message, &signer, now, ANSWER_WITHIN).await?;
        match code {
            ResponseCode::NoError | ResponseCode::NXRRSet => Ok(code),
            ResponseCode::ServFail => Err(Trouble::away(format!("{} could not do it: {code:?}", self.server))
                .hint("its log says why; may it write the zone's file and journal?")),
            _ => Err(Trouble::refused(format!("{} refuses to change {}: {code:?}", self.server, self.domain)).hint(
                format!(
                    "does zone {} let key {} change it (allow-update, update-policy), and is the key the same there?",
                    self.zone, self.key_name
                ),
            )),
        }
    }

    /// Asks to delete a record that is not there, as long as only the one that was found is: nothing changes, and the server says whether it
    /// would let the key change this name.
    async fn may_not(&self, host: &Host, found: &RData) -> Outcome<()> {
        let (zone, name) = self.names()?;
        let others = match self.record {
            RecordKind::A => ["192.0.2.1", "192.0.2.2"],
            RecordKind::Aaaa => ["2001:db8::1", "2001:db8::2"],
            RecordKind::Cname => ["nobody.invalid", "no-one.invalid"],
        };
        let first = self.record.parse(others[0])?;
        let other = if first == *found { self.record.parse(others[1])? } else { first };
        let mut message = update_message::delete_by_rdata(self.set(other)?, zone, false);
        message.add_answer(ResourceRecord::from_rdata(name, 0, found.clone()));
        self.update(host, message).await.map(drop)
    }

    async fn until_seen(&self, from: &str, to: &RData) -> Outcome<()> {
        let end = Instant::now() + Duration::from_secs(self.timeout_seconds);
        let mut left: Vec<&String> = self.seen_by.iter().collect();
        while let Some(server) = left.first() {
            let said = match self.found(server, false).await {
                Ok(found) if found == *to => {
                    left.remove(0);
                    continue;
                }
                Ok(found) => format!("still says {:?}", shown(&found)),
                Err(trouble) => format!("does not say so: {}", trouble.what),
            };
            if Instant::now() + AGAIN_AFTER > end {
                let what = format!("{server} {said}, {} s after {from:?} became {:?}", self.timeout_seconds, shown(to));
                return Err(
                    Trouble::away(what).hint("a resolver keeps what it knows for the record's ttl: make that small")
                );
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Driver for DnsEndpoint {
    fn what(&self) -> String {
        format!("{} of {} at {}", self.record, self.domain, self.server)
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        match self.found(&self.server, true).await {
            Ok(found) => troubles.extend(self.may_not(host, &found).await.err()),
            Err(trouble) => {
                troubles.push(trouble);
                troubles.extend(self.signer(host).await.err());
            }
        }
        for server in &self.seen_by {
            troubles.extend(self.found(server, false).await.err());
        }
        troubles
    }
}

#[async_trait]
impl Endpoint for DnsEndpoint {
    async fn current(&self, _host: &Host) -> Outcome<String> {
        Ok(shown(&self.found(&self.server, true).await?))
    }

    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()> {
        let (old, new) = (self.record.parse(from)?, self.record.parse(to)?);
        let found = self.found(&self.server, true).await?;
        if found != new {
            if found != old {
                return Err(another(&self.what(), &shown(&found), from, to));
            }
            let (current, wanted) = (self.set(old)?, self.set(new.clone())?);
            let message = update_message::compare_and_swap(current, wanted, self.names()?.0, false);
            if self.update(host, message).await? == ResponseCode::NXRRSet {
                return Err(Trouble::away(format!("{} has been changed in this moment", self.what())));
            }
        }
        let found = self.found(&self.server, true).await?;
        match found == new {
            true => self.until_seen(from, &new).await,
            false => Err(another(&self.what(), &shown(&found), from, to)),
        }
    }
}

#[cfg(test)]
mod tests;
