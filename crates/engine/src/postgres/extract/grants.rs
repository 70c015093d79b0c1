//! Rights of one object as statements, from its list in the catalog (aclexplode). Pure text.

use crate::postgres::quote;
use crate::postgres::wire::Rows;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// None is everybody.
    role: Option<String>,
    right: String,
    grantable: bool,
    /// A column of a table.
    column: Option<String>,
}

impl Grant {
    /// From columns `role`, `right`, `grantable` and perhaps `column`.
    pub(super) fn read(rows: &Rows) -> Vec<Grant> {
        let grant = |row| Grant {
            role: rows.get(row, "role").map(str::to_owned),
            right: rows.get(row, "right").unwrap_or_default().to_owned(),
            grantable: rows.get(row, "grantable") == Some("t"),
            column: rows.get(row, "column").map(str::to_owned),
        };
        (0..rows.rows.len()).map(grant).collect()
    }

    /// `on` is such as `DATABASE "app"`.
    fn statement(&self, on: &str) -> String {
        let role = self.role.as_deref().map_or_else(|| "PUBLIC".into(), quote::ident);
        let column = self.column.as_deref().map(|name| format!(" ({})", quote::ident(name))).unwrap_or_default();
        let more = if self.grantable { " WITH GRANT OPTION" } else { "" };
        format!("GRANT {}{column} ON {on} TO {role}{more}", self.right)
    }
}

/// Takes all rights from everybody and from these, then gives the others.
pub(super) fn statements(on: &str, taken_from: &[String], grants: &[Grant]) -> Vec<String> {
    let roles = taken_from.iter().map(|role| format!(", {}", quote::ident(role))).collect::<String>();
    let revoke = format!("REVOKE ALL ON {on} FROM PUBLIC{roles}");
    std::iter::once(revoke).chain(grants.iter().map(|grant| grant.statement(on))).collect()
}
