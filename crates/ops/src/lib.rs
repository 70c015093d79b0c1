//! Durable operations: what is done to the world in steps that survive the process that does them. Nothing here knows what a backup is.
//!
//! ```text
//!   run      an operation as it stands, and its plan, which is data
//!   moves    the legal moves, one function
//!   step     what a step owes: act, look, undo
//!   store    where runs are kept, and who may write: SQLite or PostgreSQL
//!   leader   which of several daemons on one catalog serves
//!   worker   claims what is due, does it, and keeps the leases
//! ```
//! Order of writes: an event is durable before anything is done because of it. *Began* is committed before the effect; what the effect
//! came to is committed after it; between the two only a look can tell. Every write carries the lease's epoch.

pub mod db;
pub mod leader;
pub mod moves;
pub mod run;
pub mod step;
pub mod store;
mod sync;
pub mod worker;

pub use db::{Clock, Db};
pub use leader::{Candidate, Leader};
pub use moves::{Event, Illegal, Next};
pub use run::{
    Approval, Failure, Head, Instead, Outcome, Phase, Plan, Retry, Run, Status, StepPlan, StepState, Then, Wish,
};
pub use step::{Found, Kind, Level, Registry, Step, Stop, Work};
pub use store::{Claim, Filter, Lease, MemoryStore, SqlStore, Store};
pub use worker::{Worker, WorkerSettings};
