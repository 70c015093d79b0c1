//! Alarms and what was told of them, as stored. What a look came to, with the messages that follow from it, is one transaction: a daemon
//! that dies has either done nothing or owes the messages.

use jiff::Timestamp;
use ops::{on, read};

use super::Catalog;
use crate::alarms::condition::{Condition, Kind, Scope, Severity};
use crate::alarms::core::Alarm;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct AlarmRow {
    n: i64,
    kind: String,
    scope: String,
    severity: String,
    since: i64,
    raised: i64,
    last_seen: i64,
    cleared: Option<i64>,
    told: i64,
    times_told: i64,
    text: String,
    advice: String,
}

/// A message to a channel.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct NoticeRow {
    pub(crate) n: i64,
    pub(crate) alarm: Option<i64>,
    pub(crate) channel: String,
    pub(crate) event: String,
    pub(crate) made: i64,
    pub(crate) message: String,
    pub(crate) outcome: String,
    pub(crate) tries: i64,
    pub(crate) tried: Option<i64>,
    pub(crate) error: Option<String>,
}

pub(crate) const WAITING: &str = "waiting";
pub(crate) const DELIVERED: &str = "delivered";
pub(crate) const GIVEN_UP: &str = "given-up";

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) channel: String,
    pub(crate) message: String,
}

/// One change of one alarm, and whom to tell. `n` of a new alarm is 0, and is known when it is recorded.
#[derive(Debug)]
pub(crate) struct AlarmWrite<F> {
    pub(crate) alarm: Alarm,
    /// `raised`, `worse`, `repeated`, `cleared`; nothing for what nobody is told.
    pub(crate) event: Option<&'static str>,
    /// Made of the alarm with its number.
    pub(crate) notices: F,
}

/// Which alarms to list: the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AlarmFilter {
    pub(crate) raised_only: bool,
    /// Not those that were cleared before this.
    pub(crate) since: Option<Timestamp>,
    pub(crate) kind: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) severity: Option<String>,
    /// Older than the one of this number.
    pub(crate) before: Option<i64>,
    pub(crate) limit: u32,
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl AlarmRow {
    /// Nothing when a newer program wrote a kind that this one does not know.
    fn alarm(self) -> Option<Alarm> {
        Some(Alarm {
            n: self.n,
            condition: Condition {
                kind: Kind::of(&self.kind)?,
                scope: Scope::parse(&self.scope)?,
                severity: Severity::of(&self.severity)?,
                since: Some(time(self.since)),
                text: self.text,
                advice: self.advice,
            },
            since: time(self.since),
            raised: time(self.raised),
            last_seen: time(self.last_seen),
            cleared: self.cleared.map(time),
            told: time(self.told),
            times_told: u32::try_from(self.times_told).unwrap_or(u32::MAX),
        })
    }
}

const ADD: &str = "INSERT INTO alarm (kind, scope, severity, since, raised, last_seen, told, times_told, text, advice) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING n";
const PUT: &str = "UPDATE alarm SET severity = $1, last_seen = $2, cleared = $3, told = $4, times_told = $5, text = $6, \
                   advice = $7 WHERE n = $8";
const TELL: &str = "INSERT INTO notice (alarm, channel, event, made, message, outcome, tries) \
                    VALUES ($1, $2, $3, $4, $5, 'waiting', 0)";

impl Catalog {
    /// Records what a look came to.
    pub(crate) async fn record_alarms<F>(&self, writes: Vec<AlarmWrite<F>>, now: Timestamp) -> Result<Vec<Alarm>>
    where
        F: Fn(&Alarm) -> Vec<Notice>,
    {
        let mut recorded = Vec::new();
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            for AlarmWrite { mut alarm, event, notices } in writes {
                let is = &alarm.condition;
                if alarm.n == 0 {
                    alarm.n = sqlx::query_scalar(ADD)
                        .bind(is.kind.name()).bind(is.scope.to_string()).bind(is.severity.name())
                        .bind(micros(alarm.since)).bind(micros(alarm.raised)).bind(micros(alarm.last_seen))
                        .bind(micros(alarm.told)).bind(i64::from(alarm.times_told)).bind(&is.text).bind(&is.advice)
                        .fetch_one(&mut *tx).await?;
                } else {
                    sqlx::query(PUT)
                        .bind(is.severity.name()).bind(micros(alarm.last_seen)).bind(alarm.cleared.map(micros))
                        .bind(micros(alarm.told)).bind(i64::from(alarm.times_told)).bind(&is.text).bind(&is.advice)
                        .bind(alarm.n)
                        .execute(&mut *tx).await?;
                }
                for notice in event.iter().flat_map(|_| notices(&alarm)) {
                    sqlx::query(TELL)
                        .bind(alarm.n).bind(&notice.channel).bind(event.unwrap_or_default()).bind(micros(now))
                        .bind(&notice.message)
                        .execute(&mut *tx).await?;
                }
                recorded.push(alarm);
            }
            tx.commit().await?;
        });
        Ok(recorded)
    }

    pub(crate) async fn raised_alarms(&self) -> Result<Vec<Alarm>> {
        self.alarms(&AlarmFilter { raised_only: true, limit: u32::MAX, ..AlarmFilter::default() }).await
    }

    pub(crate) async fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<Alarm>> {
        const LIST: &str = "SELECT * FROM alarm WHERE (cleared IS NULL OR ($1 = 0 AND cleared >= $2)) \
                            AND ($3 = '' OR kind = $3) AND ($4 = '' OR scope = $4) AND ($5 = '' OR severity = $5) \
                            AND n < $6 ORDER BY n DESC LIMIT $7";
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let rows: Vec<AlarmRow> = read!(&self.db, pool => sqlx::query_as(LIST)
            .bind(i64::from(filter.raised_only)).bind(filter.since.map_or(i64::MIN, micros))
            .bind(text(&filter.kind)).bind(text(&filter.scope)).bind(text(&filter.severity))
            .bind(filter.before.unwrap_or(i64::MAX)).bind(i64::from(filter.limit))
            .fetch_all(pool).await?);
        Ok(rows.into_iter().filter_map(AlarmRow::alarm).collect())
    }

    pub(crate) async fn alarm(&self, n: i64) -> Result<Option<Alarm>> {
        const ONE: &str = "SELECT * FROM alarm WHERE n = $1";
        let row: Option<AlarmRow> = read!(&self.db, pool => sqlx::query_as(ONE).bind(n).fetch_optional(pool).await?);
        Ok(row.and_then(AlarmRow::alarm))
    }

    pub(crate) async fn notices(&self, alarm: i64) -> Result<Vec<NoticeRow>> {
        const ALL: &str = "SELECT * FROM notice WHERE alarm = $1 ORDER BY n";
        Ok(read!(&self.db, pool => sqlx::query_as(ALL).bind(alarm).fetch_all(pool).await?))
    }

    /// The oldest message that waits for a channel.
    pub(crate) async fn next_notice(&self, channel: &str) -> Result<Option<NoticeRow>> {
        const NEXT: &str = "SELECT * FROM notice WHERE channel = $1 AND outcome = 'waiting' ORDER BY n LIMIT 1";
        Ok(read!(&self.db, pool => sqlx::query_as(NEXT).bind(channel).fetch_optional(pool).await?))
    }

    /// The message that was tried last on a channel.
    pub(crate) async fn last_tried(&self, channel: &str) -> Result<Option<NoticeRow>> {
        const LAST: &str =
            "SELECT * FROM notice WHERE channel = $1 AND tried IS NOT NULL ORDER BY tried DESC, n DESC LIMIT 1";
        Ok(read!(&self.db, pool => sqlx::query_as(LAST).bind(channel).fetch_optional(pool).await?))
    }

    pub(crate) async fn waiting_channels(&self) -> Result<Vec<String>> {
        const ALL: &str = "SELECT DISTINCT channel FROM notice WHERE outcome = 'waiting'";
        Ok(read!(&self.db, pool => sqlx::query_scalar(ALL).fetch_all(pool).await?))
    }

    /// What a try came to.
    pub(crate) async fn tried(&self, n: i64, outcome: &str, error: Option<&str>, now: Timestamp) -> Result<()> {
        const TRIED: &str = "UPDATE notice SET outcome = $1, tries = tries + 1, tried = $2, error = $3 WHERE n = $4";
        on!(&self.db, pool => sqlx::query(TRIED)
            .bind(outcome).bind(micros(now)).bind(error).bind(n).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// Nobody will send what waits for a channel that is gone.
    pub(crate) async fn give_up_channel(&self, channel: &str) -> Result<()> {
        const GIVE_UP: &str = "UPDATE notice SET outcome = 'given-up', error = 'there is no such channel any more' \
                               WHERE channel = $1 AND outcome = 'waiting'";
        on!(&self.db, pool => sqlx::query(GIVE_UP).bind(channel).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// A test that was sent at once.
    pub(crate) async fn add_test(&self, notice: &Notice, error: Option<&str>, now: Timestamp) -> Result<()> {
        const TEST: &str = "INSERT INTO notice (channel, event, made, message, outcome, tries, tried, error) \
                            VALUES ($1, 'test', $2, $3, $4, 1, $2, $5)";
        let outcome = if error.is_none() { DELIVERED } else { GIVEN_UP };
        on!(&self.db, pool => sqlx::query(TEST)
            .bind(&notice.channel).bind(micros(now)).bind(&notice.message).bind(outcome).bind(error)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    /// A daemon begins. Old beginnings are forgotten.
    pub(crate) async fn add_start(&self, now: Timestamp, keep_from: Timestamp) -> Result<()> {
        const ADD: &str = "INSERT INTO daemon_start (at, version) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        const FORGET: &str = "DELETE FROM daemon_start WHERE at < $1";
        on!(&self.db, pool => {
            sqlx::query(ADD).bind(micros(now)).bind(env!("CARGO_PKG_VERSION")).execute(pool).await?;
            sqlx::query(FORGET).bind(micros(keep_from)).execute(pool).await?;
        });
        Ok(())
    }

    pub(crate) async fn starts_since(&self, from: Timestamp) -> Result<Vec<Timestamp>> {
        const STARTS: &str = "SELECT at FROM daemon_start WHERE at >= $1 ORDER BY at";
        let starts: Vec<i64> =
            read!(&self.db, pool => sqlx::query_scalar(STARTS).bind(micros(from)).fetch_all(pool).await?);
        Ok(starts.into_iter().map(time).collect())
    }

    pub(crate) async fn add_measure(&self, name: &str, now: Timestamp, value: u64, keep_from: Timestamp) -> Result<()> {
        const ADD: &str = "INSERT INTO measure (name, at, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        const FORGET: &str = "DELETE FROM measure WHERE name = $1 AND at < $2";
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        on!(&self.db, pool => {
            sqlx::query(ADD).bind(name).bind(micros(now)).bind(value).execute(pool).await?;
            sqlx::query(FORGET).bind(name).bind(micros(keep_from)).execute(pool).await?;
        });
        Ok(())
    }

    /// Oldest first.
    pub(crate) async fn measures(&self, name: &str) -> Result<Vec<(Timestamp, u64)>> {
        const ALL: &str = "SELECT at, value FROM measure WHERE name = $1 ORDER BY at";
        let rows: Vec<(i64, i64)> = read!(&self.db, pool => sqlx::query_as(ALL).bind(name).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(at, value)| (time(at), u64::try_from(value).unwrap_or(0))).collect())
    }

    /// Whether the catalog answers.
    pub(crate) async fn answers(&self) -> Result<()> {
        let one: i64 =
            read!(&self.db, pool => sqlx::query_scalar("SELECT COUNT(*) FROM source").fetch_one(pool).await?);
        tracing::trace!(sources = one, "the catalog answers");
        Ok(())
    }

    /// How many operations there are of each kind and state.
    pub(crate) async fn operation_counts(&self) -> Result<Vec<(String, String, i64)>> {
        const COUNTS: &str = "SELECT kind, status, COUNT(*) FROM run GROUP BY kind, status ORDER BY kind, status";
        Ok(read!(&self.db, pool => sqlx::query_as(COUNTS).fetch_all(pool).await?))
    }
}
