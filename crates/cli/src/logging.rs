//! The daemon's log, on standard error.

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, ServeArgs};
use crate::failure::Failure;

pub fn begin(args: &ServeArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&args.log).map_err(|error| {
        Failure::input(format!("{:?} is not a log level: {error}", args.log), "write info, debug or control=debug,info")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
