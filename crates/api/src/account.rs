//! What a restore tells beyond its plan: rows by table, migrations, objectives, and words for those who use the database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rows of a table that were written behind the moment, by transactions that were committed. A row that was updated twice counts twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsLost {
    /// Its name, or its number where there is no such database any more.
    pub database: String,
    /// `schema.table`, or `database number/file number` where the server does not know whose it was: of a table that was dropped,
    /// emptied or written anew since.
    pub table: String,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// The table was made or written anew behind the moment: then rows of before count as inserted too.
    pub new_file: bool,
    /// `tablespace/database/file`, as the log names it.
    pub file: String,
}

impl RowsLost {
    pub fn rows(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// What a tool for migrations has noted in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MigrationView {
    pub database: String,
    /// `flyway`, `rails`, …
    pub tool: String,
    /// `schema.table` of its notes.
    pub table: String,
    /// The newest version; nothing where none was applied yet.
    pub newest: Option<String>,
    pub count: u64,
    /// What is wrong with it: one that failed, or was left half done.
    pub wrong: Option<String>,
    /// What the stack expects, where it says so.
    #[serde(default)]
    pub expects: Option<String>,
}

/// What the stack's policy promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObjectivesView {
    /// The most that may be lost.
    pub rpo_seconds: Option<f64>,
    /// The longest that a restore may take.
    pub rto_seconds: Option<f64>,
}

/// To be sent to those who use the database, as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommsView {
    pub before: String,
    pub during: String,
    pub after: String,
}
