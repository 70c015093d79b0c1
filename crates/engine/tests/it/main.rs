//! The engine against real servers.

mod checks;
mod files;
mod inspect;
mod instances;
mod log;
mod wire;
