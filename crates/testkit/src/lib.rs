//! What tests need and the product must not have: real private servers, started and killed here.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine for its clock and environment")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

pub mod bind;
pub mod certificates;
pub mod podman;
pub mod postgres;
pub mod s3;
pub mod sshd;
pub mod systemd;
pub mod trouble;

/// A port of this host that was free a moment ago. It is below those that the system gives to outgoing connections and below those that the
/// product chooses from, so that a server of a test that is stopped finds it free when it starts again.
pub fn free_port() -> u16 {
    let drawn = || 10_000 + (RandomState::new().build_hasher().finish() % 10_000) as u16;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(drawn).take(200).find(is_free).expect("a free port")
}
