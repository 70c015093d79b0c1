//! End to end: the real binary, real servers, real stores. In one binary.

mod crashes;
mod doors;
mod gaps;
mod house;
mod interrupted;
mod recover;
mod shapes;
mod standby;
mod targets;
mod traps;
mod wrong;
