//! The engine against real servers.

mod checks;
mod extract;
mod files;
mod inspect;
mod instances;
mod log;
mod migrations;
mod rows;
mod sessions;
mod swap;
mod wire;
