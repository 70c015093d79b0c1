//! `rekindle users add|list|remove|role|password`

use api::{PasswordAsk, RolesAsk, UserAsk};

use crate::args::{UserAddArgs, UsersCommand};
use crate::failure::{Outcome, WELL};
use crate::show::users;
use crate::surroundings::Surroundings;
use crate::terminal::{new_password, print, print_json};

pub async fn run(command: &UsersCommand, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match command {
        UsersCommand::Add(args) => add(args, around).await,
        UsersCommand::List => {
            let found = client.users().await?;
            shown(around, &found, || users::list(&found, &around.view()))
        }
        UsersCommand::Remove(args) => {
            client.remove_user(&args.name).await?;
            said(around, &format!("✓ {} is removed, with all sessions and tokens\n", args.name))
        }
        UsersCommand::Role(args) => {
            let user = client.set_roles(&args.name, &RolesAsk { grants: args.roles.clone() }).await?;
            shown(around, &user, || users::changed(&user))
        }
        UsersCommand::Password(args) => {
            client.set_password(&args.name, &PasswordAsk { password: new_password(around)? }).await?;
            said(around, &format!("✓ {} has a new password; all sessions have ended\n", args.name))
        }
    }
}

async fn add(args: &UserAddArgs, around: &Surroundings) -> Outcome {
    let password = if args.no_password { None } else { Some(new_password(around)?) };
    let ask = UserAsk { name: args.name.clone(), grants: args.roles.clone(), password };
    let user = super::client(around)?.add_user(&ask).await?;
    shown(around, &user, || users::changed(&user))
}

fn shown(around: &Surroundings, value: &impl serde::Serialize, text: impl FnOnce() -> String) -> Outcome {
    match around.global.json {
        true => print_json(value)?,
        false => print(&text()),
    }
    Ok(WELL)
}

fn said(around: &Surroundings, text: &str) -> Outcome {
    if !around.global.json {
        print(text);
    }
    Ok(WELL)
}
