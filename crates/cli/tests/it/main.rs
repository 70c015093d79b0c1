//! End to end: the real binary, real servers, real stores. In one binary.

mod crashes;
mod doors;
mod drills;
mod gaps;
mod house;

mod interrupted;
mod opened;
mod openings;
mod recover;
mod rounds;
mod shapes;
mod standby;
mod targets;
mod traps;
mod wrong;
