//! Durable operations against real databases, with workers that come and go.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

mod house;
#[cfg(not(feature = "shuttle"))]
mod kills;
#[cfg(not(feature = "shuttle"))]
mod kinds;
#[cfg(not(feature = "shuttle"))]
mod leaders;
#[cfg(not(feature = "shuttle"))]
mod stores;
#[cfg(not(feature = "shuttle"))]
mod workers;

#[cfg(feature = "shuttle")]
mod explored;
