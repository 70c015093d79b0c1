//! What a person says to a plan beside yes. A phrase that was left out is asked for, where somebody can be asked.

use api::{BeginAsk, ConsentAsk};

use crate::args::ConsentArgs;
use crate::failure::Failure;
use crate::surroundings::Surroundings;
use crate::terminal::typed;
use crate::when;

pub fn ask(args: &ConsentArgs, source: &str, around: &Surroundings) -> Result<ConsentAsk, Failure> {
    let phrase = |given: &Option<String>, wanted: String| match given.as_deref() {
        Some("") if around.asks => typed(&format!("Type out in full: {wanted}\n> ")).map(Some),
        given => Ok(given.map(str::to_owned)),
    };
    Ok(ConsentAsk {
        at: args.at.as_deref().map(|at| begins(at, around)).transpose()?,
        break_glass: phrase(&args.break_glass, format!("restore {source} without approval"))?,
        no_snapshot: phrase(&args.no_snapshot, format!("restore {source} without a snapshot"))?,
    })
}

fn begins(text: &str, around: &Surroundings) -> Result<BeginAsk, Failure> {
    match text.to_lowercase().replace(' ', "-").as_str() {
        "next-window" => Ok(BeginAsk::NextWindow),
        _ => when::ahead(text, &around.view().now).map(BeginAsk::Time),
    }
}
