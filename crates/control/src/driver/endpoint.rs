//! Endpoints: where those who use a database find it. One file for each way.

use async_trait::async_trait;

use super::{Driver, Outcome};
use crate::host::Host;

#[async_trait]
pub(crate) trait Endpoint: Driver {
    /// What stands there now.
    async fn current(&self, host: &Host) -> Outcome<String>;

    /// Compare and swap: where `from` stands, `to` stands after; where `to` stands already that is well, and anything else is refused with
    /// what was found. Returns when who asks sees `to`.
    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()>;
}
