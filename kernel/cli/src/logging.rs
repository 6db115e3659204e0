//! Structured logs on standard error: lines for people on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Sends everything that `filter` lets through to standard error.
pub(crate) fn begin(filter: &str, format: Option<LogFormat>) -> Result<(), Failure> {
    let filter = parse(filter)?;
    let human = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let begun = match format.unwrap_or(if human { LogFormat::Human } else { LogFormat::Json }) {
        LogFormat::Human => builder.with_ansi(human).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!("logging did not begin: {error}").into())
}

fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::usage(format!("`{filter}` is no log filter such as `info` or `info,forecourt_runtime=debug`: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_and_targets() {
        assert!(parse("info").is_ok() && parse("warn,forecourt_runtime=debug").is_ok());
        assert!(parse("forecourt=loud").unwrap_err().to_string().contains("is no log filter"));
    }
}
