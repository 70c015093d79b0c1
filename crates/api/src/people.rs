//! People: who may do what, and how they show who they are.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do. Operator and approver may also look; admin may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    Operator,
    Approver,
    Admin,
}

/// A role for one stack, or for everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub role: Role,
    /// Everything when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

/// What must not be shown; it never shows itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// `GET /api/v1/users`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub name: String,
    pub grants: Vec<Grant>,
    /// Without one a user has tokens only.
    pub has_password: bool,
    pub created: Timestamp,
    pub last_login: Option<Timestamp>,
}

/// `POST /api/v1/users`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserAsk {
    pub name: String,
    #[serde(default)]
    pub grants: Vec<Grant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
}

/// `PUT /api/v1/users/{name}/roles`: these, and no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolesAsk {
    pub grants: Vec<Grant>,
}

/// `PUT /api/v1/users/{name}/password`; all sessions of the user end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordAsk {
    pub password: Password,
}

/// `POST /api/v1/login`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginAsk {
    pub name: String,
    pub password: Password,
}

/// The session itself is in the cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub name: String,
    pub grants: Vec<Grant>,
    /// Goes with every request that changes something, as header `X-Rekindle-CSRF`.
    pub csrf: Password,
    pub expires: Timestamp,
}

/// `GET /api/v1/me`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    pub name: String,
    /// `socket`, `session` or `token`
    pub via: String,
    pub grants: Vec<Grant>,
    /// Of a session: what requests that change something must carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<Password>,
}

/// `POST /api/v1/tokens`: for who asks; it may at most what he may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenAsk {
    pub name: String,
    pub grants: Vec<Grant>,
    /// Ends after so many seconds; 90 days when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
}

/// `GET /api/v1/tokens`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    /// In whose name it acts.
    pub owner: String,
    pub grants: Vec<Grant>,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub last_used: Option<Timestamp>,
}

/// The only time that a token is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    pub token: Password,
    #[serde(flatten)]
    pub view: TokenView,
}
