//! What tests need and the product must not have: real private servers, started and killed here.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine for its clock and environment")]

pub mod certificates;
pub mod podman;
pub mod postgres;
pub mod s3;
pub mod sshd;
pub mod systemd;
pub mod trouble;
