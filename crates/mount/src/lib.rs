//! A file tree over one backup: its files are there at once, their pages come from the vault when they are touched, and what is
//! written stays in a local folder, the skeleton. Knows no database.
//!
//! - `base` says which files a backup has, and gives any page of them.
//! - `presence` keeps which pages are in the skeleton.
//! - `skeleton` makes the local folder.
//! - `fs` is what every file operation means; it knows no kernel.
//! - `hydrate` brings the rest of the pages in.
//! - `process` is the process that serves one mount, and how others speak with it.
//! - `fuse` and `session` bring it to the kernel; nothing else knows fuser.

pub mod base;
pub mod error;
pub mod fs;
mod fuse;
pub mod hydrate;
pub mod presence;
pub mod process;
pub mod session;
pub mod skeleton;
mod sync;

pub use error::{Error, Result};
