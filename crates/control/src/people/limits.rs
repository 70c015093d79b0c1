//! How often somebody may try to sign in: by the name he gives, and by where he comes from.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use vault::Env;

use crate::error::{Error, Result};

/// Tries in a row for one name, and one more every so often.
const OF_A_NAME: (u32, Duration) = (5, Duration::from_secs(20));
/// The same from one address; behind it there may be many people.
const OF_AN_ADDRESS: (u32, Duration) = (20, Duration::from_secs(5));
/// Names and addresses remembered before those are dropped that may do all again.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Clone)]
struct Monotonic(Env);

impl Clock for Monotonic {
    type Instant = Elapsed;

    fn now(&self) -> Elapsed {
        Elapsed(self.0.monotonic())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Elapsed(Duration);

impl std::ops::Add<governor::nanos::Nanos> for Elapsed {
    type Output = Elapsed;

    fn add(self, more: governor::nanos::Nanos) -> Elapsed {
        Elapsed(self.0 + Duration::from(more))
    }
}

impl Reference for Elapsed {
    fn duration_since(&self, earlier: Elapsed) -> governor::nanos::Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, less: governor::nanos::Nanos) -> Elapsed {
        Elapsed(self.0.saturating_sub(less.into()))
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, Monotonic, NoOpMiddleware<Elapsed>>;

pub(crate) struct LoginLimits {
    names: Limiter<String>,
    addresses: Limiter<IpAddr>,
}

impl fmt::Debug for LoginLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginLimits")
    }
}

impl LoginLimits {
    pub(crate) fn new(env: &Env) -> LoginLimits {
        LoginLimits {
            names: RateLimiter::hashmap_with_clock(quota(OF_A_NAME), Monotonic(env.clone())),
            addresses: RateLimiter::hashmap_with_clock(quota(OF_AN_ADDRESS), Monotonic(env.clone())),
        }
    }

    /// Asked before the password is looked at. The name counts whether there is such a user or not.
    pub(crate) fn take(&self, name: &str, address: Option<IpAddr>) -> Result<()> {
        if self.names.len() > REMEMBERED {
            self.names.retain_recent();
        }
        if self.addresses.len() > REMEMBERED {
            self.addresses.retain_recent();
        }
        let name: String = name.chars().take(64).collect();
        let address_may = address.is_none_or(|address| self.addresses.check_key(&address).is_ok());
        match address_may && self.names.check_key(&name).is_ok() {
            true => Ok(()),
            false => Err(Error::TooManyTries),
        }
    }
}

fn quota((burst, again): (u32, Duration)) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(again).unwrap_or_else(|| Quota::per_minute(burst)).allow_burst(burst)
}
