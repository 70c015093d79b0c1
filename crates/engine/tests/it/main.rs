//! The engine against real servers.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod wire;
