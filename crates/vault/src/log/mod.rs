//! The log of a source: stretches of bytes that join without a gap, sealed as they arrive.
//!
//! ```text
//!   received ──► part ──► part ──► … ──► folded        a folded stretch replaces its parts; `expire` removes those
//!              durable: acknowledged
//! ```
//! Nothing is acknowledged before its part is in the store. Parts never cross the border of a fold, so a folded object covers
//! whole parts. A crash between a part and its fold leaves parts only, which read the same; the next start folds them.
//!
//! - `write` takes bytes in, `read` finds and returns them.

pub mod read;
pub mod write;
