//! The byte formats: pure, no input or output. `docs/format.md` describes them for a second reader; the golden files under
//! `tests/golden` keep the two from drifting.

pub mod codec;
pub mod files;
pub mod log;
pub mod manifest;
pub mod map;
pub mod sealed;

/// Version written into every object's header. A reader refuses what is greater.
pub const FORMAT_VERSION: u16 = 1;
