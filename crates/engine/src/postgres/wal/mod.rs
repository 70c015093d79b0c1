//! The write-ahead log: names of its files, and what its records say.

pub mod event;
pub mod names;
mod record;
pub mod rows;
pub mod scan;
mod xact;

pub use event::{Event, Xact};
pub use scan::{End, Scanner, Shape};
