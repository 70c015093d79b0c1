//! Connection strings in both forms of libpq: URLs and keyword/value pairs (src/interfaces/libpq/fe-connect.c).
//!
//! What libpq takes from the environment and the home directory is handed in as `Defaults`. Neither Debug nor Display shows
//! a password. One host only: a backup must know which server it is of.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const DEFAULT_PORT: u16 = 5432;
const URL_SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What libpq would take from the environment and the home directory.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub user: String,
    /// `~/.pgpass` as a rule.
    pub passfile: Option<PathBuf>,
    /// Where the server's socket lies when no host is named, such as `/var/run/postgresql`.
    pub socket_dir: PathBuf,
    /// `~/.postgresql/root.crt` as a rule; used only if the file exists.
    pub sslrootcert: Option<PathBuf>,
    /// The machine's own bundle of roots, for `sslrootcert=system`.
    pub system_roots: Option<PathBuf>,
    pub application_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    const ALL: [SslMode; 6] =
        [SslMode::Disable, SslMode::Allow, SslMode::Prefer, SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull];

    pub fn name(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }

    fn parse(text: &str) -> Result<SslMode> {
        SslMode::ALL.into_iter().find(|mode| mode.name() == text).ok_or_else(|| {
            invalid(format!("sslmode={text} is none of disable, allow, prefer, require, verify-ca, verify-full"))
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// The directory of the socket.
    Unix(PathBuf),
    /// A name or address; with `addr` the name is only for checking the certificate and the password file.
    Tcp { name: String, addr: Option<IpAddr> },
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Unix(folder) => write!(f, "{}", folder.display()),
            Host::Tcp { name, .. } => f.write_str(name),
        }
    }
}

#[derive(Clone)]
pub struct Conninfo {
    original: Zeroizing<String>,
    pub host: Host,
    pub port: u16,
    pub user: String,
    pub password: Option<Zeroizing<String>>,
    pub dbname: Option<String>,
    pub sslmode: SslMode,
    pub sslrootcert: Option<PathBuf>,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    pub passfile: Option<PathBuf>,
    /// None waits as long as our own default.
    pub connect_timeout: Option<Duration>,
    pub application_name: Option<String>,
    pub options: Option<String>,
    /// How long a statement of ours waits for a lock; zero is for ever.
    pub lock_timeout: Duration,
}

fn invalid(what: impl Into<String>) -> Error {
    Error::Conninfo(what.into())
}

impl Conninfo {
    pub fn parse(text: &str, defaults: &Defaults) -> Result<Conninfo> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let pairs = match rest {
            Some(rest) => url_pairs(rest)?,
            None => keyword_pairs(text)?,
        };
        build(text, pairs, defaults)
    }

    /// As it was given, password included. Only for handing on to a place that keeps secrets.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The same server, another database.
    pub fn with_dbname(&self, dbname: &str) -> Conninfo {
        Conninfo { dbname: Some(dbname.to_string()), ..self.clone() }
    }

    /// libpq connects to the database named as the user when none is named.
    pub fn with_lock_timeout(self, lock_timeout: Duration) -> Conninfo {
        Conninfo { lock_timeout, ..self }
    }

    pub fn database(&self) -> &str {
        self.dbname.as_deref().unwrap_or(&self.user)
    }

    /// For messages: where the connection goes.
    pub fn target(&self) -> String {
        match &self.host {
            Host::Unix(dir) => self.socket_path(dir).display().to_string(),
            Host::Tcp { name, addr: Some(addr) } if *name != addr.to_string() => {
                format!("{name} ({addr}):{}", self.port)
            }
            Host::Tcp { name, .. } if name.contains(':') => format!("[{name}]:{}", self.port),
            Host::Tcp { name, .. } => format!("{name}:{}", self.port),
        }
    }

    pub fn socket_path(&self, dir: &std::path::Path) -> PathBuf {
        dir.join(format!(".s.PGSQL.{}", self.port))
    }

    /// A URL that says everything but the password.
    pub fn to_redacted_url(&self) -> String {
        let mut url = format!("postgres://{}@", encode(&self.user));
        let mut query = Vec::new();
        match &self.host {
            Host::Unix(dir) => {
                query.push(("host", dir.display().to_string()));
                query.push(("port", self.port.to_string()));
            }
            Host::Tcp { name, addr } => {
                url.push_str(&if name.contains(':') { format!("[{name}]") } else { encode(name) });
                url.push_str(&format!(":{}", self.port));
                query.extend(addr.filter(|addr| addr.to_string() != *name).map(|addr| ("hostaddr", addr.to_string())));
            }
        }
        url.push('/');
        url.push_str(&self.dbname.as_deref().map(encode).unwrap_or_default());
        query.extend(self.other_parameters());
        for (index, (name, value)) in query.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}{name}={}", encode(value)));
        }
        url
    }

    fn other_parameters(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let all = [
            ("sslmode", (self.sslmode != SslMode::Prefer).then(|| self.sslmode.name().to_string())),
            ("sslrootcert", path(&self.sslrootcert)),
            ("sslcert", path(&self.sslcert)),
            ("sslkey", path(&self.sslkey)),
            ("connect_timeout", self.connect_timeout.map(|time| time.as_secs().to_string())),
            ("application_name", self.application_name.clone()),
            ("options", self.options.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_redacted_url())
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conninfo({self})")
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, URL_SAFE).to_string()
}

fn decode(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let good = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !good(at)) {
        return Err(invalid("a % is not followed by two hexadecimal digits"));
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| invalid("a percent-encoded text is not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(invalid("%00 is not allowed"));
    }
    Ok(decoded.into_owned())
}

type Pairs = Vec<(String, Zeroizing<String>)>;

/// `[user[:password]@][host][:port][/dbname][?name=value&…]`
fn url_pairs(rest: &str) -> Result<Pairs> {
    let mut pairs = Pairs::new();
    let mut push = |name: &str, value: &str| -> Result<()> {
        pairs.push((name.to_string(), Zeroizing::new(decode(value)?)));
        Ok(())
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = before.split_once('/').unwrap_or((before, ""));
    let (userinfo, hostport) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = userinfo.split_once(':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
    let (host, port) = split_host_port(hostport)?;
    for (name, value) in [("user", user), ("host", host), ("port", port), ("dbname", dbname)] {
        if !value.is_empty() {
            push(name, value)?;
        }
    }
    if let Some(password) = password {
        push("password", password)?;
    }
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) =
            part.split_once('=').ok_or_else(|| invalid(format!("the parameter {part:?} has no value")))?;
        push(&decode(name)?, value)?;
    }
    Ok(pairs)
}

fn split_host_port(text: &str) -> Result<(&str, &str)> {
    if text.contains(',') {
        return Err(invalid("several hosts are named, and a backup is of one server"));
    }
    let Some(bracketed) = text.strip_prefix('[') else {
        return Ok(text.split_once(':').unwrap_or((text, "")));
    };
    let (host, after) = bracketed.split_once(']').ok_or_else(|| invalid("an IPv6 address lacks its closing ]"))?;
    match after.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if after.is_empty() => Ok((host, "")),
        None => Err(invalid("after the ] of an IPv6 address only :port may follow")),
    }
}

/// `name = value name='value with blanks' …`, backslash takes the next character as it is.
fn keyword_pairs(text: &str) -> Result<Pairs> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(|| invalid("a keyword has no = after it"))?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(invalid("a keyword has no = after it"));
        }
        let (value, after) = keyword_value(after.trim_start())?;
        pairs.push((name.to_string(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

fn keyword_value(text: &str) -> Result<(Zeroizing<String>, &str)> {
    let mut value = Zeroizing::new(String::new());
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && c.is_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        return Err(invalid("a quoted value lacks its closing quote"));
    }
    Ok((value, ""))
}

fn build(original: &str, pairs: Pairs, defaults: &Defaults) -> Result<Conninfo> {
    let mut info = Conninfo {
        original: Zeroizing::new(original.to_string()),
        host: Host::Unix(defaults.socket_dir.clone()),
        port: DEFAULT_PORT,
        user: defaults.user.clone(),
        password: None,
        dbname: None,
        sslmode: SslMode::Prefer,
        sslrootcert: None,
        sslcert: None,
        sslkey: None,
        passfile: defaults.passfile.clone(),
        connect_timeout: None,
        application_name: defaults.application_name.clone(),
        options: None,
        lock_timeout: Duration::ZERO,
    };
    let (mut host, mut hostaddr) = (None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "host" => host = Some(value.to_string()).filter(|host| !host.is_empty()),
            "hostaddr" => hostaddr = Some(parse_address(&value)?),
            _ => apply(&mut info, &name, value)?,
        }
    }
    if let Some(host) = decide_host(host, hostaddr)? {
        info.host = host;
    }
    settle_roots(&mut info, defaults)?;
    if info.user.is_empty() {
        return Err(invalid("no user is named"));
    }
    Ok(info)
}

fn apply(info: &mut Conninfo, name: &str, value: Zeroizing<String>) -> Result<()> {
    let text = || Some(value.to_string()).filter(|text| !text.is_empty());
    let path = || text().map(PathBuf::from);
    match name {
        "port" => info.port = parse_port(&value)?,
        "user" => info.user = value.to_string(),
        "password" => info.password = Some(value),
        "dbname" => info.dbname = text(),
        "sslmode" => info.sslmode = SslMode::parse(&value)?,
        "ssl" if *value == "true" => info.sslmode = SslMode::Require,
        "sslrootcert" => info.sslrootcert = path(),
        "sslcert" => info.sslcert = path(),
        "sslkey" => info.sslkey = path(),
        "passfile" => info.passfile = path(),
        "connect_timeout" => info.connect_timeout = parse_timeout(&value)?,
        "application_name" => info.application_name = text(),
        "options" => info.options = text(),
        _ => return Err(invalid(format!("the parameter {name:?} is not known"))),
    }
    Ok(())
}

fn parse_port(text: &str) -> Result<u16> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| invalid(format!("port {text:?} is not between 1 and 65535")))
}

fn parse_address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| invalid(format!("hostaddr {text:?} is not an IP address")))
}

/// Whole seconds; zero and negative mean no limit, as in libpq.
fn parse_timeout(text: &str) -> Result<Option<Duration>> {
    let seconds: i64 =
        text.parse().map_err(|_| invalid(format!("connect_timeout {text:?} is not a number of seconds")))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn decide_host(host: Option<String>, hostaddr: Option<IpAddr>) -> Result<Option<Host>> {
    Ok(match (host, hostaddr) {
        (Some(host), _) if host.contains(',') => {
            return Err(invalid("several hosts are named, and a backup is of one server"));
        }
        (Some(host), None) if host.starts_with('/') => Some(Host::Unix(PathBuf::from(host))),
        (Some(host), Some(_)) if host.starts_with('/') => {
            return Err(invalid("host is a socket directory and hostaddr an address"));
        }
        (Some(name), addr) => Some(Host::Tcp { name, addr }),
        (None, Some(addr)) => Some(Host::Tcp { name: addr.to_string(), addr: Some(addr) }),
        (None, None) => None,
    })
}

/// `sslrootcert=system` becomes the machine's bundle and demands verify-full, as in libpq since 16.
fn settle_roots(info: &mut Conninfo, defaults: &Defaults) -> Result<()> {
    if info.sslrootcert.as_deref().is_some_and(|path| path.as_os_str() == "system") {
        let roots = defaults.system_roots.clone();
        info.sslrootcert =
            Some(roots.ok_or_else(|| invalid("sslrootcert=system, and no system roots are known here"))?);
        info.sslmode = SslMode::VerifyFull;
    } else if info.sslrootcert.is_none() {
        info.sslrootcert = defaults.sslrootcert.clone().filter(|path| path.exists());
    }
    let verifies = matches!(info.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
    if verifies && info.sslrootcert.is_none() && matches!(info.host, Host::Tcp { .. }) {
        return Err(invalid(format!("sslmode={} needs sslrootcert, a file of trusted roots", info.sslmode.name())));
    }
    if info.sslcert.is_some() != info.sslkey.is_some() {
        return Err(invalid("sslcert and sslkey must be given together"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
