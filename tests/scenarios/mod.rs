//! The jobs that the product exists for, each from end to end with real parts. Each has its page in `docs/jobs/`, with the same commands.

mod clusters;
mod commerce;
mod hub;
mod platform;
mod rounds;
mod single_server;
