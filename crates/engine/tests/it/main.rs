//! The engine against real servers.

mod files;
mod log;
mod wire;
