//! `rekindle man [FOLDER]`

use std::path::Path;

use clap::CommandFactory;

use crate::args::{Arguments, ManArgs};
use crate::failure::{Failure, Outcome, WELL};
use crate::terminal::print;

pub fn run(args: &ManArgs) -> Outcome {
    match &args.folder {
        Some(folder) => write_all(folder)?,
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Arguments::command()).render(&mut page);
            rendered.map_err(|error| Failure::internal("the manual cannot be made", error))?;
            print(&String::from_utf8_lossy(&page));
        }
    }
    Ok(WELL)
}

fn write_all(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, error))?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(|error| Failure::file("write into", folder, error))
}

#[cfg(test)]
mod tests;
