//! Stacks: what a file of `apply` says, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Password, ProtectAnswer};

/// `PUT /api/v1/stacks`: the file's text. `dry_run` only says what would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplyAsk {
    pub file: String,
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyAnswer {
    pub stack: String,
    pub is_new: bool,
    /// In words, what changes or has changed.
    pub changes: Vec<String>,
    /// Sources that were looked at because they are not protected yet; nothing is applied when one of them cannot be.
    pub sources: Vec<ProtectAnswer>,
    /// Protected until now, and not in the file any more: they stay protected.
    pub left_out: Vec<String>,
    pub applied: bool,
}

/// `GET /api/v1/stacks/{name}/secrets`: the newest copy in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretsView {
    pub stack: String,
    pub sealed: Timestamp,
    pub items: Vec<KeptView>,
}

/// A secret or a file of settings that is kept, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptView {
    pub name: String,
    /// Where it was read.
    pub from: String,
    pub is_secret: bool,
    pub bytes: u64,
}

/// `POST /api/v1/stacks/{name}/secrets/{secret}/read`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretAnswer {
    pub name: String,
    pub sealed: Timestamp,
    /// Its bytes as lower-case hexadecimal digits.
    pub content: Password,
}

/// `GET /api/v1/stacks/{name}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StackView {
    pub name: String,
    pub sources: Vec<String>,
    /// As `export` prints it.
    pub file: String,
    pub applied: Timestamp,
    pub applied_by: String,
    /// Of the file: what `If-Match` of the next `PUT` may say.
    pub etag: String,
    /// When work of the timetable may begin: now, or when the next window opens.
    pub next_window: Option<Timestamp>,
}
