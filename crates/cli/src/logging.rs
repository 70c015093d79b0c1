//! The daemon's log, on standard error.

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::failure::Failure;

pub fn begin(level: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::input(format!("{level:?} is not a log level: {error}"), "write info, debug or control=debug,info")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
