//! The machine and its user, read once at the start: environment, home, user, zone, clock, terminal. Nothing else reads them.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::args::GlobalArgs;
use crate::failure::Failure;
use crate::show::View;
use control::{Config, Host, SecretRef};

/// Columns when nobody says.
const WIDTH_DEFAULT: usize = 100;
const WIDTH_MAX: usize = 160;

#[derive(Debug)]
pub struct Surroundings {
    pub variables: BTreeMap<String, String>,
    pub user: String,
    pub home: PathBuf,
    pub is_root: bool,
    pub global: GlobalArgs,
    /// Somebody can be asked.
    pub asks: bool,
    /// Standard error can be redrawn.
    pub draws: bool,
}

impl Surroundings {
    pub fn read(global: GlobalArgs) -> Surroundings {
        let text = |pair: (std::ffi::OsString, std::ffi::OsString)| {
            Some((pair.0.into_string().ok()?, pair.1.into_string().ok()?))
        };
        let variables: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
        let uid = rustix::process::geteuid();
        let (user, home) = account(uid.as_raw());
        let said = variables.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = said.or(home).unwrap_or_else(|| "/".into());
        let user = user.or_else(|| variables.get("USER").cloned()).unwrap_or_else(|| uid.as_raw().to_string());
        let (input, error) = (std::io::stdin().is_terminal(), std::io::stderr().is_terminal());
        let asks = input && error && !global.json;
        let draws = error && !global.quiet && !global.json;
        Surroundings { variables, user, home, is_root: uid.is_root(), global, asks, draws }
    }

    pub fn view(&self) -> View {
        let zone = if self.global.utc { TimeZone::UTC } else { TimeZone::system() };
        let said = self.variable("COLUMNS").and_then(|columns| columns.parse().ok());
        let asked =
            [rustix::termios::tcgetwinsize(std::io::stdout()), rustix::termios::tcgetwinsize(std::io::stderr())];
        let seen = asked.into_iter().flatten().map(|size| usize::from(size.ws_col)).find(|columns| *columns > 0);
        let width = said.or(seen).unwrap_or(WIDTH_DEFAULT).min(WIDTH_MAX);
        View { now: jiff::Timestamp::now().to_zoned(zone), width }
    }

    pub fn host(&self) -> Result<Host, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::internal("this program has no path", error))?;
        Ok(Host::system(self.user.clone(), self.home.clone(), program, self.variables.clone()))
    }

    pub fn config(&self) -> PathBuf {
        self.global.config.clone().unwrap_or_else(|| self.config_folder().join("rekindle.toml"))
    }

    pub fn config_folder(&self) -> PathBuf {
        self.folder("/etc/rekindle", "XDG_CONFIG_HOME", ".config")
    }

    /// Where vault and data lie by default.
    pub fn state_folder(&self) -> PathBuf {
        self.folder("/var/lib/rekindle", "XDG_DATA_HOME", ".local/share")
    }

    /// What was said, else what the configuration says, else the default; a user without a daemon asks the machine's. A
    /// configuration that was named must be there, and one that is there must be right, or another daemon would be asked.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(said) = &self.global.socket {
            return Ok(said.clone());
        }
        let path = self.config();
        if self.global.config.is_some() || std::fs::File::open(&path).is_ok() {
            return Ok(Config::load(&path)?.socket);
        }
        let (own, machine) = (self.socket_default(), PathBuf::from("/run/rekindle/rekindle.sock"));
        Ok(if !own.exists() && machine.exists() { machine } else { own })
    }

    pub fn socket_default(&self) -> PathBuf {
        if self.is_root {
            return "/run/rekindle/rekindle.sock".into();
        }
        let runtime = self.variable("XDG_RUNTIME_DIR").map(|folder| Path::new(folder).join("rekindle"));
        runtime.unwrap_or_else(|| self.state_folder()).join("rekindle.sock")
    }

    /// A token in the environment may stand there itself; among the arguments everybody on the host could read it.
    pub fn token(&self) -> Result<Option<String>, Failure> {
        let wrong = |what: &str| {
            let hint = "write --token env:NAME, file:/path or command:PROGRAM";
            Failure::input(format!("{what} is not a reference to a token"), hint)
        };
        let (said, what) = match &self.global.token {
            Some(said) => (said.as_str(), "what follows --token"),
            None => match self.variable("REKINDLE_TOKEN") {
                Some(token) if token.starts_with("rk_") => return Ok(Some(token.to_owned())),
                Some(said) => (said, "what is in REKINDLE_TOKEN"),
                None => return Ok(None),
            },
        };
        let reference = SecretRef::try_from(said.to_owned()).map_err(|_| wrong(what))?;
        Ok(Some(reference.read_here(&self.host()?)?.expose().to_owned()))
    }

    fn folder(&self, root: &str, variable: &str, below_home: &str) -> PathBuf {
        if self.is_root {
            return root.into();
        }
        let said = self.variable(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
        said.unwrap_or_else(|| self.home.join(below_home)).join("rekindle")
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Name and home from the password file.
fn account(uid: u32) -> (Option<String>, Option<PathBuf>) {
    let all = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = all.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields.into_iter().find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid));
    own.map_or((None, None), |own| (own.first().map(|&name| name.to_owned()), own.get(5).map(PathBuf::from)))
}

#[cfg(test)]
mod tests;
