//! What only the binary may find out about the machine and its user; it hands it in here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::postgres::wire::Defaults;
use vault::Env;

#[derive(Debug, Clone)]
pub struct Host {
    pub env: Env,
    pub user: String,
    /// What this host calls itself.
    pub name: String,
    pub home: PathBuf,
    /// This program.
    pub program: PathBuf,
    pub variables: BTreeMap<String, String>,
    #[cfg(feature = "simulated")]
    pub store_wrap: Option<crate::open::StoreWrap>,
}

impl Host {
    pub fn system(user: String, home: PathBuf, program: PathBuf, variables: BTreeMap<String, String>) -> Host {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        Host {
            env: Env::system(),
            user,
            name,
            home,
            program,
            variables,
            #[cfg(feature = "simulated")]
            store_wrap: None,
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What libpq would take where a connection string is silent.
    pub(crate) fn connection_defaults(&self, application_name: &str) -> Defaults {
        let path = |name: &str| self.variable(name).map(PathBuf::from);
        let roots = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
        Defaults {
            user: self.variable("PGUSER").unwrap_or(&self.user).to_owned(),
            passfile: path("PGPASSFILE").or_else(|| Some(self.home.join(".pgpass"))),
            socket_dir: path("PGHOST")
                .filter(|host| host.is_absolute())
                .unwrap_or_else(|| "/var/run/postgresql".into()),
            sslrootcert: path("PGSSLROOTCERT"),
            system_roots: roots.iter().map(PathBuf::from).find(|path| path.exists()),
            application_name: Some(application_name.to_owned()),
        }
    }
}
