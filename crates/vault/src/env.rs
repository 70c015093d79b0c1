//! Time and randomness, handed in by whoever starts the program, so that tests can fake both.
//! The system versions here are the only place in the workspace that asks the machine.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Where the time comes from.
pub trait Clock: Send + Sync + Debug {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never goes back. For durations.
    fn monotonic(&self) -> Duration;
}

/// Where unpredictable bytes come from. Keys, salts and ids depend on it.
pub trait Random: Send + Sync + Debug {
    fn fill(&self, bytes: &mut [u8]);
}

/// Both, cheap to clone and hand on.
#[derive(Debug, Clone)]
pub struct Env {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl Env {
    /// The machine's clock and the operating system's randomness.
    pub fn system() -> Env {
        #[allow(clippy::disallowed_methods, reason = "the one room where the machine is asked")]
        let started = std::time::Instant::now();
        Env { clock: Arc::new(SystemClock { started }), random: Arc::new(SystemRandom) }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}

#[derive(Debug)]
struct SystemClock {
    started: std::time::Instant,
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one room where the machine is asked")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[derive(Debug)]
struct SystemRandom;

impl Random for SystemRandom {
    #[allow(clippy::disallowed_methods, reason = "the one room where the machine is asked")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system has randomness");
    }
}
