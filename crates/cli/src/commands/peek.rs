//! `rekindle peek`: a moment to look at. The instance lives as long as this command keeps saying that it is wanted.

use std::process::Command;
use std::time::Duration;

use api::{InstanceView, PeekAsk, SqlAnswer, SqlAsk};

use crate::args::PeekArgs;
use crate::client::Client;
use crate::failure::{Failure, Outcome, WELL};
use crate::show::{instance, table};
use crate::surroundings::Surroundings;
use crate::terminal::{note, print, print_json};
use crate::wait;

/// Well below the daemon's patience.
const KEEP_EVERY: Duration = Duration::from_secs(10);

pub async fn run(args: &PeekArgs, around: &Surroundings) -> Outcome {
    if args.sql.is_empty() && !around.asks {
        return Err(Failure::input(
            "nobody is here to type SQL",
            "add it: rekindle peek shop --to latest -- 'SELECT 1'",
        ));
    }
    let client = super::client(around)?;
    let ask = PeekAsk { moment: super::restore::moment(&args.target, &around.view().now)?, owner: args.owner.clone() };
    let begun = client.peek(&args.name, &ask).await?;
    let result = wait::until_over(around, &client, begun).await?;
    let view: InstanceView = wait::read(&result)?;
    let looked = tokio::select! {
        looked = look(args, &client, &view, around) => looked,
        never = keep(&client, &view.name) => match never {},
    };
    client.remove_instance(&view.name).await?;
    looked
}

async fn keep(client: &Client, name: &str) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        // Tried again soon enough.
        let _ = client.keep_instance(name).await;
    }
}

async fn look(args: &PeekArgs, client: &Client, view: &InstanceView, around: &Surroundings) -> Outcome {
    if args.sql.is_empty() {
        note(&instance::moment(view, &around.view()));
        return psql(view, &database(args, client, view).await?).await;
    }
    let ask = SqlAsk { database: args.database.clone().unwrap_or_default(), sql: args.sql.join(" ") };
    let answers = client.sql(&view.name, &ask).await?;
    match around.global.json {
        true => print_json(&answers)?,
        false => print(&answers.iter().map(|answer: &SqlAnswer| table::draw(answer)).collect::<Vec<_>>().join("\n")),
    }
    Ok(WELL)
}

/// That which was named, or the one that the daemon takes for want of it.
async fn database(args: &PeekArgs, client: &Client, view: &InstanceView) -> Result<String, Failure> {
    if let Some(named) = &args.database {
        return Ok(named.clone());
    }
    let ask = SqlAsk { database: String::new(), sql: "SELECT current_database()".to_owned() };
    let answers = client.sql(&view.name, &ask).await?;
    let cell = answers.into_iter().flat_map(|answer| answer.rows).flatten().flatten().next();
    Ok(cell.unwrap_or_else(|| "postgres".to_owned()))
}

async fn psql(view: &InstanceView, database: &str) -> Outcome {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let beside = std::path::Path::new(&text(&view.programs)).join("psql");
    let program = if beside.exists() { beside } else { "psql".into() };
    let mut command = Command::new(&program);
    command.args(["-h", &text(&view.socket_folder), "-U", &text(&view.superuser), "-d", database]);
    command.args(["-p", &view.port.unwrap_or_default().to_string()]);
    let ended = tokio::task::spawn_blocking(move || command.status()).await;
    let ended = ended.map_err(|error| Failure::internal("psql was not waited for", error))?;
    let ended = ended.map_err(|error| Failure::file("run", &program, error))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
