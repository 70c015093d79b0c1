//! Integration tests of the vault: with real servers, in one binary.

mod stores;
