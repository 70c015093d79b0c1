//! The engine against real servers.

mod files;
mod inspect;
mod log;
mod wire;
