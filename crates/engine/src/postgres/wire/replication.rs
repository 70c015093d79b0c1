//! Physical replication: the walsender's own commands and the stream of log bytes.
//!
//! ```text
//!   Replication --start--> WalStream: XLogData* KeepAlive* … EndOfTimeline --stop--> Replication
//! ```
//!
//! Messages as in the PostgreSQL documentation, chapter "Streaming Replication Protocol", and src/backend/replication/walsender.c.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, CopyData};

use super::connection::{Connection, Incoming, Mode, Rows, cells_of};
use super::conninfo::Conninfo;
use super::server_error;
use crate::error::{Error, Result, ServerError};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::maintenance;

/// 2000-01-01 in seconds since 1970; the server counts microseconds from there.
const POSTGRES_EPOCH_SECONDS: i64 = 946_684_800;
/// Older servers answer for a slot only by SQL.
const READ_REPLICATION_SLOT_SINCE: u32 = 15;

/// A time of the server, in microseconds since 2000-01-01 UTC (TimestampTz); the ends of time where it is out of range.
pub fn timestamp_from_postgres(microseconds: i64) -> Timestamp {
    let epoch = Timestamp::from_second(POSTGRES_EPOCH_SECONDS).unwrap_or_default();
    epoch.saturating_add(SignedDuration::from_micros(microseconds)).unwrap_or(epoch)
}

fn timestamp_to_postgres(time: Timestamp) -> i64 {
    time.as_microsecond() - POSTGRES_EPOCH_SECONDS * 1_000_000
}

/// The answer to IDENTIFY_SYSTEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    pub system_identifier: u64,
    pub timeline: Timeline,
    /// Flushed so far.
    pub position: Lsn,
}

/// What the server says of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub physical: bool,
    /// None when nothing is reserved yet.
    pub restart_lsn: Option<Lsn>,
    pub restart_timeline: Option<Timeline>,
}

/// A timeline history file, as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFile {
    pub name: String,
    pub content: String,
}

#[derive(Debug)]
pub struct Replication {
    conn: Connection,
}

impl Replication {
    pub async fn connect(info: &Conninfo) -> Result<Replication> {
        Ok(Replication { conn: Connection::connect(info, Mode::Replication).await? })
    }

    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    pub async fn identify(&mut self) -> Result<System> {
        let rows = self.conn.rows("IDENTIFY_SYSTEM").await?;
        Ok(System {
            system_identifier: cell(&rows, "systemid")?,
            timeline: cell(&rows, "timeline")?,
            position: cell(&rows, "xlogpos")?,
        })
    }

    /// None when there is no such slot.
    pub async fn read_slot(&mut self, name: &str) -> Result<Option<Slot>> {
        check_slot_name(name)?;
        if self.conn.server_major()? < READ_REPLICATION_SLOT_SINCE {
            return self.read_slot_by_sql(name).await;
        }
        let rows = match self.conn.rows(&format!("READ_REPLICATION_SLOT {name}")).await {
            // It knows physical slots only, and says so for a logical one.
            Err(Error::Server(error)) if error.message.contains("logical replication slot") => {
                return Ok(Some(Slot { physical: false, restart_lsn: None, restart_timeline: None }));
            }
            other => other?,
        };
        slot_from(&rows, "slot_type")
    }

    async fn read_slot_by_sql(&mut self, name: &str) -> Result<Option<Slot>> {
        let mut conn = maintenance::connect(self.conn.info(), &[], &[]).await?;
        let slot = read_slot_sql(&mut conn, name).await;
        conn.close().await;
        slot
    }

    /// A permanent physical slot that keeps the log from this moment on.
    pub async fn create_slot(&mut self, name: &str) -> Result<()> {
        check_slot_name(name)?;
        let done = self.conn.query(&format!("CREATE_REPLICATION_SLOT {name} PHYSICAL RESERVE_WAL")).await;
        done.map(drop).map_err(|error| slot_error(error, name))
    }

    pub async fn drop_slot(&mut self, name: &str) -> Result<()> {
        check_slot_name(name)?;
        let done = self.conn.query(&format!("DROP_REPLICATION_SLOT {name}")).await;
        done.map(drop).map_err(|error| slot_error(error, name))
    }

    /// There is none for timeline 1.
    pub async fn timeline_history(&mut self, timeline: Timeline) -> Result<HistoryFile> {
        let rows = self.conn.rows(&format!("TIMELINE_HISTORY {timeline}")).await?;
        Ok(HistoryFile { name: cell(&rows, "filename")?, content: cell(&rows, "content")? })
    }

    /// A setting, with its unit, such as `16MB`.
    pub async fn show(&mut self, name: &str) -> Result<String> {
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Err(Error::protocol(format!("{name:?} is not the name of a setting")));
        }
        let value = self.conn.value(&format!("SHOW {name}")).await?;
        value.ok_or_else(|| Error::protocol(format!("no answer to SHOW {name}")))
    }

    /// Streams the log of this timeline from `start` on. A timeline that ended at `start` ends at once.
    pub async fn start(mut self, slot_name: Option<&str>, start: Lsn, timeline: Timeline) -> Result<WalStream> {
        slot_name.map_or(Ok(()), check_slot_name)?;
        let slot = slot_name.map(|name| format!("SLOT {name} ")).unwrap_or_default();
        self.conn.settle().await?;
        self.conn.send_query(&format!("START_REPLICATION {slot}PHYSICAL {start} TIMELINE {timeline}"))?;
        let mut stream = WalStream { conn: self.conn, state: State::Ending, row: None, failed: None };
        match stream.conn.receive().await? {
            Incoming::CopyBoth => stream.state = State::Streaming,
            Incoming::Plain(message) => {
                if let Some(event) = stream.at_end(message)? {
                    stream.state = State::Ended(event);
                }
            }
        }
        // An error comes with its ReadyForQuery; reading up to there tells it now and not at the first `next`.
        if stream.failed.is_some() {
            let name = slot_name.unwrap_or_default();
            stream.next().await.map_err(|error| slot_error(error, name))?;
        }
        Ok(stream)
    }

    pub async fn close(self) {
        self.conn.close().await;
    }
}

/// The state of a slot as SQL sees it; for servers before 15.
pub async fn read_slot_sql(conn: &mut Connection, name: &str) -> Result<Option<Slot>> {
    check_slot_name(name)?;
    let sql = format!(
        "select slot_type, restart_lsn, null as restart_tli from pg_catalog.pg_replication_slots where slot_name = '{name}'"
    );
    slot_from(&conn.rows(&sql).await?, "slot_type")
}

fn slot_from(rows: &Rows, kind: &str) -> Result<Option<Slot>> {
    let Some(found) = rows.get(0, kind) else { return Ok(None) };
    Ok(Some(Slot {
        physical: found == "physical",
        restart_lsn: rows.get(0, "restart_lsn").map(str::parse).transpose()?,
        restart_timeline: rows.get(0, "restart_tli").and_then(|text| text.parse().ok()),
    }))
}

/// As the server's ReplicationSlotValidateName; so a name can stand in a command unquoted and never injects.
pub fn check_slot_name(name: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=63).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    let what = "a name is made of 1 to 63 lower-case letters, digits and underscores".into();
    Err(Error::SlotTaken { slot: format!("{name:?}"), what })
}

fn slot_error(error: Error, slot: &str) -> Error {
    match error.sqlstate() {
        Some("42710") => Error::SlotTaken { slot: slot.into(), what: "it exists already".into() },
        Some("42704") => Error::NoSlot(slot.into()),
        Some("55006") => Error::SlotTaken { slot: slot.into(), what: "somebody is using it".into() },
        _ => error,
    }
}

fn cell<T: std::str::FromStr>(rows: &Rows, column: &str) -> Result<T> {
    let text = rows.get(0, column).ok_or_else(|| Error::protocol(format!("the answer lacks {column}")))?;
    text.parse().map_err(|_| Error::protocol(format!("{column} is {text:?}")))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalEvent {
    XLogData {
        start_lsn: Lsn,
        wal_end: Lsn,
        server_time: Timestamp,
        bytes: Bytes,
    },
    KeepAlive {
        wal_end: Lsn,
        server_time: Timestamp,
        reply_requested: bool,
    },
    /// Nothing more comes; go on with `next_timeline` from `switch_lsn` on.
    EndOfTimeline {
        next_timeline: Timeline,
        switch_lsn: Lsn,
    },
}

#[derive(Debug)]
enum State {
    Streaming,
    /// CopyDone went both ways; the trailing result set is coming.
    Ending,
    Ended(Option<WalEvent>),
}

#[derive(Debug)]
pub struct WalStream {
    conn: Connection,
    state: State,
    /// The trailing result: next timeline and where it begins.
    row: Option<Vec<Option<String>>>,
    failed: Option<ServerError>,
}

impl WalStream {
    /// The next event. Cancel-safe: dropped in a `select!` and called again it loses nothing. After EndOfTimeline it gives
    /// EndOfTimeline again.
    pub async fn next(&mut self) -> Result<WalEvent> {
        loop {
            if let State::Ended(event) = &self.state {
                return self.ended(event.clone());
            }
            let message = match self.conn.receive().await? {
                Incoming::Plain(message) => message,
                Incoming::CopyBoth => return Err(Error::protocol("a stream began within a stream")),
            };
            if matches!(self.state, State::Streaming) {
                if let Some(event) = self.while_streaming(message)? {
                    return Ok(event);
                }
            } else if let Some(end) = self.at_end(message)? {
                self.state = State::Ended(end);
            }
        }
    }

    /// Tells how far the log is written, flushed (durable: the slot lets go of what is before) and applied. Cancel-safe:
    /// what could not be sent yet is sent by the next call of any kind.
    pub async fn send_status(
        &mut self,
        write: Lsn,
        flush: Lsn,
        apply: Lsn,
        clock: Timestamp,
        reply_requested: bool,
    ) -> Result<()> {
        if !matches!(self.state, State::Streaming) {
            return Ok(());
        }
        let mut reply = BytesMut::with_capacity(34);
        reply.put_u8(b'r');
        for lsn in [write, flush, apply] {
            reply.put_u64(lsn.0);
        }
        reply.put_i64(timestamp_to_postgres(clock));
        reply.put_u8(u8::from(reply_requested));
        let data = CopyData::new(reply).map_err(|error| Error::protocol(error.to_string()))?;
        data.write(self.conn.outbox());
        self.conn.flush().await
    }

    /// Ends the stream from our side and gives the session back. Log bytes still on their way are dropped.
    pub async fn stop(mut self) -> Result<Replication> {
        if matches!(self.state, State::Streaming) {
            frontend::copy_done(self.conn.outbox());
            while !matches!(self.conn.receive().await?, Incoming::Plain(Message::CopyDone)) {}
            self.state = State::Ending;
        }
        self.conn.settle().await?;
        Ok(Replication { conn: self.conn })
    }

    fn while_streaming(&mut self, message: Message) -> Result<Option<WalEvent>> {
        match message {
            Message::CopyData(body) => parse_event(body.into_bytes()).map(Some),
            Message::CopyDone => {
                frontend::copy_done(self.conn.outbox());
                self.state = State::Ending;
                Ok(None)
            }
            Message::ErrorResponse(body) => {
                let error = server_error::from_fields(body.fields());
                Err(server_error::at_work(error, &self.conn.info().target()))
            }
            // Without CopyDone before it this is the farewell of a server that shuts down (WalSndDone in walsender.c).
            Message::CommandComplete(_) => {
                Err(Error::NotReady { target: self.conn.info().target(), error: farewell() })
            }
            _ => Err(Error::protocol("a message that does not belong into a stream")),
        }
    }

    /// Gathers the trailing result; the inner option is the event that it amounts to.
    fn at_end(&mut self, message: Message) -> Result<Option<Option<WalEvent>>> {
        match message {
            Message::DataRow(body) => self.row = Some(cells_of(&body)?),
            Message::ErrorResponse(body) => self.failed = Some(server_error::from_fields(body.fields())),
            Message::ReadyForQuery(_) => return self.row.take().map(|row| end_of_timeline(&row)).transpose().map(Some),
            _ => {}
        }
        Ok(None)
    }

    fn ended(&mut self, event: Option<WalEvent>) -> Result<WalEvent> {
        if let Some(error) = self.failed.take() {
            return Err(server_error::at_work(error, &self.conn.info().target()));
        }
        event.ok_or_else(|| Error::protocol("the stream ended, and the server names no next timeline"))
    }
}

fn farewell() -> Box<ServerError> {
    Box::new(ServerError { message: "the database system is shutting down".into(), ..ServerError::default() })
}

fn end_of_timeline(row: &[Option<String>]) -> Result<WalEvent> {
    let [Some(timeline), Some(lsn), ..] = row else {
        return Err(Error::protocol("the end of a timeline lacks the next one"));
    };
    let bad = |_| Error::protocol(format!("{timeline:?} is not a timeline"));
    Ok(WalEvent::EndOfTimeline { next_timeline: timeline.parse().map_err(bad)?, switch_lsn: lsn.parse()? })
}

fn parse_event(mut bytes: Bytes) -> Result<WalEvent> {
    let short = |_| Error::protocol("a message of the stream is cut short");
    match bytes.try_get_u8().map_err(short)? {
        b'w' => Ok(WalEvent::XLogData {
            start_lsn: Lsn(bytes.try_get_u64().map_err(short)?),
            wal_end: Lsn(bytes.try_get_u64().map_err(short)?),
            server_time: timestamp_from_postgres(bytes.try_get_i64().map_err(short)?),
            bytes,
        }),
        b'k' => Ok(WalEvent::KeepAlive {
            wal_end: Lsn(bytes.try_get_u64().map_err(short)?),
            server_time: timestamp_from_postgres(bytes.try_get_i64().map_err(short)?),
            reply_requested: bytes.try_get_u8().map_err(short)? != 0,
        }),
        other => Err(Error::protocol(format!("a message of kind {other} in the stream"))),
    }
}

#[cfg(test)]
mod tests;
