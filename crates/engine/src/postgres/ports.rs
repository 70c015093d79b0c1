//! Ports for servers of our own. They come from below the range that the system gives to outgoing connections, so that a server that
//! was stopped finds its port free when it starts again.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use vault::env::Env;

use crate::error::{Error, Result};

/// What the system gives to outgoing connections begins at 32768 (`ip_local_port_range`).
const RANGE: Range<u16> = 20_000..32_000;
const TRIES: u32 = 200;

/// A port that nobody listens on now. Another may take it before its server does: who starts one must be ready for that.
pub(super) fn choose(env: &Env) -> Result<u16> {
    let drawn = (0..TRIES).map(|_| RANGE.start + u16::from_le_bytes(env.random()) % (RANGE.end - RANGE.start));
    drawn.into_iter().find(|port| is_free(*port)).ok_or_else(|| Error::Occupied {
        path: format!("ports {} to {}", RANGE.start, RANGE.end),
        what: "are taken, as many as were tried".into(),
        hint: "name a free one with --port N".into(),
    })
}

pub(super) fn must_be_free(port: u16) -> Result<()> {
    match is_free(port) {
        true => Ok(()),
        false => Err(Error::Occupied {
            path: format!("port {port}"),
            what: "is taken by another program of this host".into(),
            hint: format!("`ss -ltnp sport = :{port}` says which; or name another with --port N"),
        }),
    }
}

/// Without the right to use it, it is not free either.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use vault::env::Random;

    use super::*;

    /// Draws what it is told to.
    #[derive(Debug)]
    struct Draws(Mutex<Vec<u16>>);

    impl Random for Draws {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.lock().unwrap().remove(0).to_le_bytes());
        }
    }

    #[test]
    fn a_taken_port_is_not_free_and_not_chosen() {
        let system = Env::system();
        let (taken, free) = (choose(&system).unwrap(), choose(&system).unwrap());
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!(!is_free(taken) && is_free(free));
        assert_eq!(must_be_free(taken).unwrap_err().code(), "RK-2071");
        let draws = [taken, taken, free].map(|port| port - RANGE.start);
        let drawn = Env { random: Arc::new(Draws(Mutex::new(draws.to_vec()))), ..system };
        assert_eq!(choose(&drawn).unwrap(), free);
    }
}
