//! Users of the operating system by name and number, as the server's programs must run as the owner of their files and never
//! as root. Reads `/etc/passwd`; networks of users are asked through `getent`.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// A user: number, and number of the primary group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

pub fn name_of(uid: u32) -> Option<String> {
    let line = entry(&uid.to_string())?;
    line.split(':').next().map(str::to_owned)
}

pub fn by_name(name: &str) -> Option<User> {
    parse(&entry(name)?)
}

pub fn by_number(uid: u32) -> Option<User> {
    parse(&entry(&uid.to_string())?)
}

fn entry(key: &str) -> Option<String> {
    let answer =
        Command::new("getent").args(["passwd", "--", key]).output().ok().filter(|answer| answer.status.success())?;
    String::from_utf8(answer.stdout).ok()?.lines().next().map(str::to_owned)
}

fn parse(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
}

/// Whether this process may act for others.
pub fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}
