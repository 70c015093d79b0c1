//! Backups: a tree of files, cut into pages, stored once.
//!
//! Order of writes, and what a crash leaves behind:
//! ```text
//!   packs (pages) ──► packs (maps, lists) ──► log up to the end ──► manifest        the manifest's put is the commit
//!   crash here: packs that nothing refers to; `expire` removes them after the grace period
//! ```
//! - `tree` is what a caller hands in to be stored, `write` stores it, `worker` does so for one batch of pages, `pack` puts packs.
//! - `read` opens a manifest and everything below it; `restore` writes a tree of files from it.
//! - `catalog` lists backups with their pins and proofs.

pub mod catalog;
pub mod pack;
pub mod read;
pub mod restore;
pub mod tree;
mod worker;
pub mod write;
