//! `forecourt jobs`.

use clap::{Args, Subcommand};
use forecourt_base::PluginName;

use crate::client::Connection;
use crate::output::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs of a store, newest first
    List(JobsListArguments),
    /// Start a job of a plugin
    Start(JobStartArguments),
    /// Show a job; with --follow until it has ended
    Show(JobShowArguments),
    /// End a job between two steps
    Cancel(JobArguments),
    /// Let a job go on that failed or was cancelled
    Resume(JobArguments),
}

#[derive(Debug, Args)]
pub(crate) struct JobsListArguments {
    /// The store, or @GROUP for the group as a whole
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Only the job's id goes to standard output. With --follow its progress is shown until it has ended, and the exit code is 1
where it has failed or was cancelled; ending this command does not end the job.

Examples:
  forecourt jobs start bj01 parts/stock-take
  forecourt jobs start bj01 customers/import '{\"file\": \"…\"}' --follow")]
pub(crate) struct JobStartArguments {
    /// The store, or @GROUP for the group as a whole
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The plugin and its job
    #[arg(value_name = "PLUGIN/JOB", value_parser = job)]
    pub(crate) job: (PluginName, String),
    /// What the job is started with: JSON; @FILE reads a file, - standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    pub(crate) arguments: String,
    /// Show the job's progress until it has ended
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn job(text: &str) -> Result<(PluginName, String), String> {
    let (plugin, job) = text
        .split_once('/')
        .ok_or_else(|| format!("`{text}` is not of the form PLUGIN/JOB, such as `parts/stock-take`"))?;
    Ok((PluginName::new(plugin).map_err(|error| error.to_string())?, job.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct JobShowArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Show the job's progress until it has ended
    #[arg(long)]
    pub(crate) follow: bool,
}

/// Which job a command means.
#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// The store, or @GROUP for the group as a whole
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_its_plugin_and_its_name() {
        assert_eq!(job("parts/stock-take").unwrap(), (PluginName::new("parts").unwrap(), "stock-take".to_owned()));
        assert!(job("stock-take").unwrap_err().contains("PLUGIN/JOB") && job("P/x").is_err());
    }
}
