//! Users and what they may.

use api::{Grant, Role, UserView};

use super::{View, table};

pub fn list(users: &[UserView], view: &View) -> String {
    if users.is_empty() {
        return "There are no users. rekindle users add NAME --role ROLE   adds one\n".to_owned();
    }
    let heads = ["NAME", "MAY", "PASSWORD", "LAST SIGNED IN"].map(str::to_owned);
    let row = |user: &UserView| {
        let password = if user.has_password { "yes" } else { "none: tokens only" };
        let last = user.last_login.map_or("never".to_owned(), |at| view.short_with_zone(at));
        [user.name.clone(), grants(&user.grants), password.to_owned(), last]
    };
    table::aligned(&std::iter::once(heads).chain(users.iter().map(row)).collect::<Vec<_>>())
}

pub fn changed(user: &UserView) -> String {
    format!("✓ {} is {}\n", user.name, grants(&user.grants))
}

/// `operator of shop, viewer`
pub fn grants(grants: &[Grant]) -> String {
    let one = |grant: &Grant| match &grant.stack {
        Some(stack) => format!("{} of {stack}", role(grant.role)),
        None => role(grant.role).to_owned(),
    };
    match grants {
        [] => "nothing".to_owned(),
        some => some.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Approver => "approver",
        Role::Admin => "admin",
    }
}
