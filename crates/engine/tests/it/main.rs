//! The engine against real servers.

mod again;
mod checks;
mod dropped;
mod extract;
mod files;
mod inspect;
mod instances;
mod left_out;
mod log;
mod migrations;
mod rows;
mod swap;
mod wire;
