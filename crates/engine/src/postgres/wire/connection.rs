//! One session with a server: making it, sending statements, receiving messages.
//!
//! What is to be sent waits in `outbox`, what came in waits in `inbox`; both are touched only between awaits. So `flush` and
//! `receive` may be dropped in a `tokio::select!` and called again without losing or repeating a byte.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::conninfo::{Conninfo, Host, SslMode};
use super::{login, server_error, settings, tls};
use crate::error::{Error, Result, ServerError};

/// libpq waits for ever; a service must not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_CHUNK: usize = 64 * 1024;
/// No message of the server is longer (MaxAllocSize); more is garbage.
const MESSAGE_BYTES_MAX: usize = 1 << 30;
const NOTICES_MAX: usize = 100;
const COPY_BOTH_TAG: u8 = b'W';

/// What the session is for; `settings` says what each is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Our own statements: nothing that a role or a database was given by default changes what they do.
    Sql,
    /// Statements of users on a server of ours: names and formats are as their database has them, limits are not.
    Users,
    /// Nothing is set, so that the console of a pooler lets us in as well.
    Bare,
    Replication,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CancelKey {
    pub(super) process_id: i32,
    pub(super) secret: i32,
}

/// Ends the statement that a session is running, from beside it.
#[derive(Debug, Clone)]
pub struct CancelToken {
    info: Conninfo,
    key: CancelKey,
}

/// The result of one statement, all cells as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    /// The command tag, such as `SELECT 1`.
    pub tag: String,
}

impl Rows {
    /// The cell of this row and column; none when null or not there.
    pub fn get(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// A message of the server, CopyBothResponse included, which postgres-protocol does not know.
pub(super) enum Incoming {
    Plain(Message),
    CopyBoth,
}

pub struct Connection {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    outbox: BytesMut,
    info: Conninfo,
    mode: Mode,
    encrypted: bool,
    /// Whether a statement was sent whose ReadyForQuery has not come yet.
    busy: bool,
    pub(super) cancel_key: Option<CancelKey>,
    parameters: BTreeMap<String, String>,
    notices: Vec<ServerError>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Connection {
    pub async fn connect(info: &Conninfo, mode: Mode) -> Result<Connection> {
        let limit = info.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let timed = tokio::time::timeout(limit, connect_by_mode(info, mode)).await;
        timed.unwrap_or_else(|_| Err(Error::Timeout { target: info.target(), seconds: limit.as_secs() }))
    }

    async fn open(info: &Conninfo, mode: Mode, encryption: Encryption) -> Result<Connection> {
        let Opened { stream, encrypted, binding } = open_stream(info, encryption).await?;
        let mut conn = Connection {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            info: info.clone(),
            mode,
            encrypted,
            busy: false,
            cancel_key: None,
            parameters: BTreeMap::new(),
            notices: Vec::new(),
        };
        match login::log_in(&mut conn, info, mode, binding).await {
            Ok(()) => {}
            Err(Error::Server(error)) => return Err(server_error::at_login(*error, info, mode == Mode::Replication)),
            Err(error) => return Err(error),
        }
        if let Some(statement) = settings::statement(mode, conn.server_major().unwrap_or(0)) {
            conn.query(&statement).await?;
        }
        Ok(conn)
    }

    pub fn info(&self) -> &Conninfo {
        &self.info
    }

    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// A setting that the server reports by itself, such as `server_version`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The major version of the server, from `server_version`; also right for betas and vendors' suffixes.
    pub fn server_major(&self) -> Result<u32> {
        let text = self.parameter("server_version").unwrap_or_default();
        let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().map_err(|_| Error::protocol(format!("server_version is {text:?}")))
    }

    /// What the server said beside the results, the latest hundred, oldest first; they are handed out once.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }

    pub fn cancel_token(&self) -> Option<CancelToken> {
        self.cancel_key.map(|key| CancelToken { info: self.info.clone(), key })
    }

    /// Runs statements by the simple protocol and gives the result of each. An error ends the whole text.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Rows>> {
        self.settle().await?;
        self.send_query(sql)?;
        self.collect_results().await
    }

    /// The rows of the only or last statement.
    pub async fn rows(&mut self, sql: &str) -> Result<Rows> {
        Ok(self.query(sql).await?.pop().unwrap_or_default())
    }

    /// The first cell of the first row.
    pub async fn value(&mut self, sql: &str) -> Result<Option<String>> {
        let rows = self.rows(sql).await?.rows;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// Says goodbye; the server then ends its side without a line in its log.
    pub async fn close(mut self) {
        frontend::terminate(&mut self.outbox);
        let _ = self.flush().await;
        let _ = self.stream.shutdown().await;
    }

    pub(super) fn send_query(&mut self, sql: &str) -> Result<()> {
        frontend::query(sql, &mut self.outbox).map_err(|error| Error::protocol(error.to_string()))?;
        self.busy = true;
        Ok(())
    }

    /// Reads away what an abandoned statement left over.
    pub(super) async fn settle(&mut self) -> Result<()> {
        while self.busy {
            self.receive_any().await?;
        }
        Ok(())
    }

    /// Everything up to ReadyForQuery; the first error counts.
    pub(super) async fn collect_results(&mut self) -> Result<Vec<Rows>> {
        let (mut results, mut current, mut failed) = (Vec::new(), Rows::default(), None);
        loop {
            match self.receive().await? {
                Incoming::Plain(Message::RowDescription(body)) => current.columns = columns_of(&body)?,
                Incoming::Plain(Message::DataRow(body)) => current.rows.push(cells_of(&body)?),
                Incoming::Plain(Message::CommandComplete(body)) => {
                    current.tag = body.tag().map_err(|error| Error::protocol(error.to_string()))?.into();
                    results.push(std::mem::take(&mut current));
                }
                Incoming::Plain(Message::ErrorResponse(body)) => {
                    let error = server_error::from_fields(body.fields());
                    failed.get_or_insert(server_error::at_work(error, &self.info.target()));
                }
                Incoming::Plain(Message::CopyInResponse(_)) => {
                    frontend::copy_fail("copy is not for this client", &mut self.outbox)
                        .map_err(|error| Error::protocol(error.to_string()))?;
                }
                Incoming::Plain(Message::ReadyForQuery(_)) => return failed.map_or(Ok(results), Err),
                Incoming::Plain(_) => {}
                Incoming::CopyBoth => return Err(Error::protocol("a stream began where a result was due")),
            }
        }
    }

    pub(super) fn outbox(&mut self) -> &mut BytesMut {
        &mut self.outbox
    }

    /// Sends what waits. Cancel-safe.
    pub(super) async fn flush(&mut self) -> Result<()> {
        while self.outbox.has_remaining() {
            let sent = self.stream.write_buf(&mut self.outbox).await.map_err(|error| self.lost(error))?;
            if sent == 0 {
                return Err(self.lost(io::ErrorKind::WriteZero.into()));
            }
        }
        self.stream.flush().await.map_err(|error| self.lost(error))
    }

    /// The next message that is not an aside (parameter, notice, notification). Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<Incoming> {
        loop {
            match self.receive_any().await? {
                Incoming::Plain(Message::NotificationResponse(_)) => {}
                Incoming::Plain(Message::ParameterStatus(body)) => self.note_parameter(body.name(), body.value()),
                Incoming::Plain(Message::NoticeResponse(body)) => {
                    self.note_notice(server_error::from_fields(body.fields()));
                }
                message => return Ok(message),
            }
        }
    }

    /// For the login: errors come as they are.
    pub(super) async fn receive_raw(&mut self) -> Result<Message> {
        match self.receive().await? {
            Incoming::Plain(Message::ErrorResponse(body)) => {
                Err(Error::Server(Box::new(server_error::from_fields(body.fields()))))
            }
            Incoming::Plain(message) => Ok(message),
            Incoming::CopyBoth => Err(Error::protocol("a stream began during the login")),
        }
    }

    async fn receive_any(&mut self) -> Result<Incoming> {
        self.flush().await?;
        loop {
            if let Some(message) = self.parse()? {
                if matches!(message, Incoming::Plain(Message::ReadyForQuery(_))) {
                    self.busy = false;
                }
                return Ok(message);
            }
            self.inbox.reserve(READ_CHUNK);
            let read = self.stream.read_buf(&mut self.inbox).await.map_err(|error| self.lost(error))?;
            if read == 0 {
                return Err(self.lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Incoming>> {
        let Some(header) = self.inbox.get(..5) else { return Ok(None) };
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if length > MESSAGE_BYTES_MAX {
            return Err(Error::protocol(format!("a message of {length} bytes")));
        }
        if header[0] == COPY_BOTH_TAG {
            let whole = self.inbox.len() > length;
            if whole {
                self.inbox.advance(length + 1);
            }
            return Ok(whole.then_some(Incoming::CopyBoth));
        }
        let message = Message::parse(&mut self.inbox).map_err(|error| Error::protocol(error.to_string()))?;
        Ok(message.map(Incoming::Plain))
    }

    fn note_parameter(&mut self, name: io::Result<&str>, value: io::Result<&str>) {
        if let (Ok(name), Ok(value)) = (name, value) {
            self.parameters.insert(name.into(), value.into());
        }
    }

    fn note_notice(&mut self, notice: ServerError) {
        if self.notices.len() == NOTICES_MAX {
            self.notices.remove(0);
        }
        self.notices.push(notice);
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Lost { target: self.info.target(), source }
    }
}

/// A statement that nobody waits for any more would hold its locks until it is done, for the server notices only when it answers.
impl Drop for Connection {
    fn drop(&mut self) {
        if !self.busy || self.mode == Mode::Replication {
            return;
        }
        if let (Some(cancel), Ok(runtime)) = (self.cancel_token(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(error) = cancel.cancel().await {
                    tracing::debug!(%error, "a statement that was given up could not be cancelled");
                }
            });
        }
    }
}

impl CancelToken {
    /// Asks the server to end the running statement. It answers nothing; the statement then fails with SQLSTATE 57014, or
    /// was already done.
    pub async fn cancel(&self) -> Result<()> {
        let limit = self.info.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let late = |_| Error::Timeout { target: self.info.target(), seconds: limit.as_secs() };
        tokio::time::timeout(limit, self.send()).await.map_err(late)?
    }

    async fn send(&self) -> Result<()> {
        let lost = |source| Error::Lost { target: self.info.target(), source };
        let encryption = match self.info.sslmode {
            SslMode::Disable | SslMode::Allow => Encryption::Never,
            SslMode::Prefer => Encryption::IfOffered,
            _ => Encryption::Always,
        };
        let mut stream = open_stream(&self.info, encryption).await?.stream;
        let mut request = BytesMut::new();
        frontend::cancel_request(self.key.process_id, self.key.secret, &mut request);
        stream.write_all(&request).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        // The server closes when it has passed the signal on; a reset at that moment says the same.
        let _ = stream.read_u8().await;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Never,
    IfOffered,
    Always,
}

/// `allow` and `prefer` try the other way where the first is not let in, as libpq does.
async fn connect_by_mode(info: &Conninfo, mode: Mode) -> Result<Connection> {
    match info.sslmode {
        SslMode::Disable => Connection::open(info, mode, Encryption::Never).await,
        SslMode::Allow => match Connection::open(info, mode, Encryption::Never).await {
            Err(error @ Error::Hba { .. }) if is_tcp(info) => {
                Connection::open(info, mode, Encryption::Always).await.map_err(|_| error)
            }
            other => other,
        },
        SslMode::Prefer => match Connection::open(info, mode, Encryption::IfOffered).await {
            Err(error @ (Error::Hba { .. } | Error::Tls { .. })) if is_tcp(info) => {
                Connection::open(info, mode, Encryption::Never).await.map_err(|_| error)
            }
            other => other,
        },
        _ => Connection::open(info, mode, Encryption::Always).await,
    }
}

fn is_tcp(info: &Conninfo) -> bool {
    matches!(info.host, Host::Tcp { .. })
}

struct Opened {
    stream: Box<dyn Stream>,
    encrypted: bool,
    /// What SCRAM may bind itself to.
    binding: Option<Vec<u8>>,
}

impl Opened {
    fn plain(stream: impl Stream + 'static) -> Opened {
        Opened { stream: Box::new(stream), encrypted: false, binding: None }
    }
}

/// A socket file is never encrypted, whatever sslmode says, as in libpq.
async fn open_stream(info: &Conninfo, encryption: Encryption) -> Result<Opened> {
    let refused = |source| Error::Connect { target: info.target(), source };
    let tcp = match &info.host {
        Host::Unix(dir) => {
            let stream = UnixStream::connect(info.socket_path(dir)).await.map_err(refused)?;
            return Ok(Opened::plain(stream));
        }
        Host::Tcp { addr: Some(addr), .. } => TcpStream::connect((*addr, info.port)).await,
        Host::Tcp { name, .. } => TcpStream::connect((name.as_str(), info.port)).await,
    };
    let tcp = tcp.map_err(refused)?;
    keep_alive(&tcp).map_err(refused)?;
    if encryption == Encryption::Never { Ok(Opened::plain(tcp)) } else { encrypt(tcp, info, encryption).await }
}

/// So that a server that vanished without a word is noticed within two minutes.
fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, Duration::from_secs(60))?;
    sockopt::set_tcp_keepintvl(tcp, Duration::from_secs(10))?;
    Ok(sockopt::set_tcp_keepcnt(tcp, 6)?)
}

/// Exactly one byte is read before TLS begins, so nothing can be slipped in between (CVE-2021-23222).
async fn encrypt(mut tcp: TcpStream, info: &Conninfo, encryption: Encryption) -> Result<Opened> {
    let lost = |source| Error::Lost { target: info.target(), source };
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    tcp.write_all(&request).await.map_err(lost)?;
    match tcp.read_u8().await.map_err(lost)? {
        b'S' => {}
        b'N' if encryption == Encryption::IfOffered => return Ok(Opened::plain(tcp)),
        b'N' => return Err(Error::TlsRefused { target: info.target(), sslmode: info.sslmode.name() }),
        b'E' => return Err(Error::protocol("an error in answer to the request for encryption")),
        other => return Err(Error::protocol(format!("byte {other} in answer to the request for encryption"))),
    }
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls::client_config(info)?));
    let failed = |source| Error::Tls { target: info.target(), source };
    let stream = connector.connect(tls::server_name(info)?, tcp).await.map_err(failed)?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let binding = certificate.and_then(|certificate| tls::end_point_binding(certificate));
    Ok(Opened { stream: Box::new(stream), encrypted: true, binding })
}

pub(super) fn columns_of(body: &RowDescriptionBody) -> Result<Vec<String>> {
    let names = body.fields().map(|field| Ok(field.name().to_string())).collect();
    names.map_err(|error: io::Error| Error::protocol(error.to_string()))
}

pub(super) fn cells_of(body: &DataRowBody) -> Result<Vec<Option<String>>> {
    let text = |range: std::ops::Range<usize>| {
        let bytes = body.buffer().get(range).unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let cells = body.ranges().map(|range| range.map(text).transpose()).collect();
    cells.map_err(|error: io::Error| Error::protocol(error.to_string()))
}
