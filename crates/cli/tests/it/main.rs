//! End to end: the real binary, real servers, real stores. In one binary.

mod crashes;
mod house;
mod recover;
mod shapes;
mod targets;
mod wrong;
