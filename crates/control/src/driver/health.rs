//! Whether something is well, as seen from outside. One file for each way.

use async_trait::async_trait;

use super::{Driver, Outcome};
use crate::host::Host;

#[async_trait]
pub(crate) trait Health: Driver {
    /// One look. What is not well says why.
    async fn look(&self, host: &Host) -> Outcome<()>;
}
