//! Integration tests of the vault: with real servers, in one binary.

mod backup;
mod cache;
mod check;
mod dump;
mod expire;
mod golden;
mod log;
mod second_reader;
mod stores;
mod support;
mod tree;
