//! End to end: the real binary, real servers, real stores. In one binary.

mod alarms;
mod approver;
mod consent;
mod copies;
mod crashes;
mod doctor;
mod doors;
mod drills;
mod faults;
mod gaps;
mod house;
mod interrupted;
mod kept;
mod laws;
mod lost_host;
mod moves;
mod objects;
mod opened;
mod openings;
mod operations;
mod people;
mod receivers;
mod recover;
mod rounds;
#[path = "../../../../tests/scenarios/mod.rs"]
mod scenarios;
mod shapes;
mod shared;
mod shop;
mod standby;
mod strange;
mod swaps;
mod targets;
mod traps;
mod wrong;
