//! On the Unix socket the kernel says who asks. Root and the daemon's own user are admin; others have what the configuration gives them.

use api::{Grant, Role};
use engine::postgres::owner;

use super::{Identity, Via};
use crate::config::Config;

/// `None`: nobody we know.
pub(crate) fn identity(config: &Config, uid: u32) -> Option<Identity> {
    let name = owner::name_of(uid).unwrap_or_else(|| format!("uid {uid}"));
    let grants = match uid == 0 || uid == own_uid() {
        true => vec![Grant { role: Role::Admin, stack: None }],
        false => given(config, uid, &name),
    };
    (!grants.is_empty()).then(|| Identity::new(name, Via::Socket { uid }, grants))
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn given(config: &Config, uid: u32, name: &str) -> Vec<Grant> {
    let of = config.peer.iter().filter(|peer| peer.user == name || peer.user.parse() == Ok(uid));
    of.map(|peer| Grant { role: peer.role, stack: peer.stack.clone() }).collect()
}
