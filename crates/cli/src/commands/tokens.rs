//! `rekindle tokens add|list|revoke`

use api::{LoginAsk, TokenAsk};

use crate::args::{TokenAddArgs, TokensCommand};
use crate::failure::{Outcome, WELL};
use crate::show::tokens;
use crate::surroundings::Surroundings;
use crate::terminal::{password, print, print_json};
use crate::when;

pub async fn run(command: &TokensCommand, around: &Surroundings) -> Outcome {
    match command {
        TokensCommand::Add(args) => add(args, around).await,
        TokensCommand::List => {
            let found = super::client(around)?.tokens().await?;
            match around.global.json {
                true => print_json(&found)?,
                false => print(&tokens::list(&found, &around.view())),
            }
            Ok(WELL)
        }
        TokensCommand::Revoke(args) => {
            super::client(around)?.revoke_token(&args.id).await?;
            if !around.global.json {
                print(&format!("✓ token {} is no longer good\n", args.id));
            }
            Ok(WELL)
        }
    }
}

async fn add(args: &TokenAddArgs, around: &Surroundings) -> Outcome {
    let ttl_seconds = args.ttl.as_deref().map(|span| when::span_seconds(span, &around.view().now)).transpose()?;
    let mut client = super::client(around)?;
    if let Some(name) = &args.user {
        client.sign_in(&LoginAsk { name: name.clone(), password: password(around)? }).await?;
    }
    let ask = TokenAsk { name: args.name.clone(), grants: args.roles.clone(), ttl_seconds };
    let made = client.add_token(&ask).await?;
    if args.user.is_some() {
        client.sign_out().await?;
    }
    match around.global.json {
        true => print_json(&made)?,
        false => print(&tokens::made(&made, &around.view())),
    }
    Ok(WELL)
}
