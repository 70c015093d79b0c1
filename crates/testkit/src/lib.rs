//! What tests need and the product must not have: real private servers, started and killed here.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine for its clock and environment")]

pub mod bind;
pub mod certificates;
pub mod podman;
pub mod postgres;
pub mod s3;
pub mod sshd;
pub mod systemd;
pub mod trouble;

/// A port of this host that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
