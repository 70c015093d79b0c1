//! A database itself, as `CREATE DATABASE` and its neighbours say it: what pg_dump brings along only under the old name.

use super::grants::{self, Grant};
use super::session;
use crate::error::Result;
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

/// Parameters whose value is a list of names, kept in quotes by the catalog (GUC_LIST_QUOTE in guc_tables.c).
const LISTS: &[&str] = &[
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) oid: u32,
    pub(super) owner: String,
    pub(super) allows_connections: bool,
    pub(super) connection_limit: i64,
    encoding: String,
    collate: String,
    ctype: String,
    /// `c`, `i` or `b`; servers before 15 know only the first.
    provider: String,
    locale: Option<String>,
    icu_rules: Option<String>,
    is_template: bool,
    tablespace: String,
    comment: Option<String>,
    /// None means the default.
    grants: Option<Vec<Grant>>,
    settings: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    role: Option<String>,
    /// `name=value`.
    text: String,
}

/// What the catalog knows; none where there is no such database. Columns that only some versions have come by way of JSON.
pub(super) async fn describe(sql: &mut Connection, name: &str) -> Result<Option<Database>> {
    let rows = sql
        .rows(&format!(
            "SELECT d.oid, pg_get_userbyid(d.datdba) AS owner, d.datallowconn, d.datconnlimit, d.datistemplate, \
             pg_encoding_to_char(d.encoding) AS encoding, d.datcollate, d.datctype, t.spcname, d.datacl IS NULL AS bare, \
             j->>'datlocprovider' AS provider, coalesce(j->>'datlocale', j->>'daticulocale') AS locale, \
             j->>'daticurules' AS rules, shobj_description(d.oid, 'pg_database') AS comment \
             FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace CROSS JOIN to_jsonb(d) AS j \
             WHERE d.datname = {}",
            quote::literal(name)
        ))
        .await?;
    if rows.rows.is_empty() {
        return Ok(None);
    }
    let text = |column| rows.get(0, column).unwrap_or_default().to_owned();
    let own = |column| rows.get(0, column).map(str::to_owned);
    let oid = text("oid").parse().unwrap_or(0);
    let bare = text("bare") == "t";
    Ok(Some(Database {
        name: name.to_owned(),
        oid,
        owner: text("owner"),
        allows_connections: text("datallowconn") == "t",
        connection_limit: text("datconnlimit").parse().unwrap_or(-1),
        encoding: text("encoding"),
        collate: text("datcollate"),
        ctype: text("datctype"),
        provider: own("provider").unwrap_or_else(|| "c".into()),
        locale: own("locale"),
        icu_rules: own("rules"),
        is_template: text("datistemplate") == "t",
        tablespace: text("spcname"),
        comment: own("comment"),
        grants: if bare { None } else { Some(grants_of(sql, oid).await?) },
        settings: settings_of(sql, oid).await?,
    }))
}

async fn grants_of(sql: &mut Connection, oid: u32) -> Result<Vec<Grant>> {
    let rows = sql
        .rows(&format!(
            "SELECT r.rolname AS role, a.privilege_type AS right, a.is_grantable AS grantable \
             FROM pg_database d CROSS JOIN aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee \
             WHERE d.oid = {oid} ORDER BY 1, 2"
        ))
        .await?;
    Ok(Grant::read(&rows))
}

async fn settings_of(sql: &mut Connection, oid: u32) -> Result<Vec<Setting>> {
    let rows = sql
        .rows(&format!(
            "SELECT r.rolname, c.text FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c(text) \
             LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = {oid} ORDER BY 1 NULLS FIRST, 2"
        ))
        .await?;
    let setting = |row| Setting {
        role: rows.get(row, "rolname").map(str::to_owned),
        text: rows.get(row, "text").unwrap_or_default().to_owned(),
    };
    Ok((0..rows.rows.len()).map(setting).collect())
}

impl Database {
    pub(super) fn create_statement(&self, into: &str, live_major: u32) -> String {
        let mut text = format!(
            "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {} CONNECTION LIMIT {}",
            quote::ident(into),
            quote::ident(&self.owner),
            quote::literal(&self.encoding),
            quote::literal(&self.collate),
            quote::literal(&self.ctype),
            self.connection_limit.max(-1),
        );
        if live_major >= 15 {
            let (provider, locale) = match self.provider.as_str() {
                "i" => ("icu", "ICU_LOCALE"),
                "b" => ("builtin", "BUILTIN_LOCALE"),
                _ => ("libc", ""),
            };
            text.push_str(&format!(" LOCALE_PROVIDER {provider}"));
            for (word, value) in [(locale, &self.locale), ("ICU_RULES", &self.icu_rules)] {
                if let (false, Some(value)) = (word.is_empty(), value) {
                    text.push_str(&format!(" {word} {}", quote::literal(value)));
                }
            }
        }
        text
    }

    /// Comment, settings, rights. Rights come last, for they let people in.
    pub(super) fn finish_statements(&self, into: &str) -> Vec<String> {
        let on = format!("DATABASE {}", quote::ident(into));
        let comment = self.comment.iter().map(|text| format!("COMMENT ON {on} IS {}", quote::literal(text)));
        let settings = self.settings.iter().map(|setting| setting.statement(into));
        let rights = match &self.grants {
            Some(grants) => grants::statements(&on, std::slice::from_ref(&self.owner), grants),
            None => vec![format!("GRANT CONNECT, TEMPORARY ON {on} TO PUBLIC")],
        };
        comment.chain(settings).chain(rights).collect()
    }

    pub(super) fn left_out(&self) -> Vec<String> {
        let tablespace = (self.tablespace != "pg_default")
            .then(|| format!("tablespaces: it was in {}, and everything is in the default one now", self.tablespace));
        let template = self.is_template.then(|| "that it is a template".to_owned());
        tablespace.into_iter().chain(template).collect()
    }
}

impl Setting {
    fn statement(&self, into: &str) -> String {
        let (name, value) = self.text.split_once('=').unwrap_or((&self.text, ""));
        let value = match quote::split(value, ',').filter(|_| LISTS.contains(&name.to_lowercase().as_str())) {
            Some(parts) => parts.iter().map(|part| quote::literal(part)).collect::<Vec<_>>().join(", "),
            None => quote::literal(value),
        };
        // A name may have a point in it, which is no part of an identifier.
        let name = name.split('.').map(quote::ident).collect::<Vec<_>>().join(".");
        match &self.role {
            None => format!("ALTER DATABASE {} SET {name} TO {value}", quote::ident(into)),
            Some(role) => {
                format!("ALTER ROLE {} IN DATABASE {} SET {name} TO {value}", quote::ident(role), quote::ident(into))
            }
        }
    }
}

/// Whether anybody, a superuser too, may connect.
pub(super) fn allow(name: &str, allowed: bool) -> String {
    format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allowed}", quote::ident(name))
}

/// Takes their slots from the subscriptions of a database that was restored: they belong to the live one, and dropping the copy
/// would drop them there. They came disabled. Gives a word for each.
pub(super) async fn take_slots(sql: &mut Connection) -> Result<Vec<String>> {
    let rows = sql
        .rows(
            "SELECT subname, subslotname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
             WHERE d.datname = current_database() AND NOT subenabled",
        )
        .await?;
    let mut told = Vec::new();
    for row in 0..rows.rows.len() {
        let name = rows.get(row, "subname").unwrap_or_default();
        let Some(slot) = rows.get(row, "subslotname") else { continue };
        sql.query(&format!("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", quote::ident(name))).await?;
        told.push(format!("subscription {name}: it is disabled and was parted from its slot {slot}"));
    }
    Ok(told)
}

/// Drops a database that we made, with the subscriptions in it, which would forbid that.
pub(super) async fn drop(live: &Conninfo, sql: &mut Connection, name: &str) -> Result<()> {
    // It may be as closed as the one that it was restored from.
    sql.query(&allow(name, true)).await?;
    let mut inside = session::open(live, name).await?;
    take_slots(&mut inside).await?;
    let subscriptions = session::column(
        &mut inside,
        "SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
         WHERE d.datname = current_database()",
    )
    .await?;
    for subscription in subscriptions {
        inside.query(&format!("DROP SUBSCRIPTION {}", quote::ident(&subscription))).await?;
    }
    inside.close().await;
    sql.query(&format!("DROP DATABASE {} WITH (FORCE)", quote::ident(name))).await.map(|_| ())
}

#[cfg(test)]
mod tests;
