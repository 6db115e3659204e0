//! The arguments of `secret` and `outbox`.

use clap::{Args, Subcommand};
use forecourt_base::PluginName;

use super::GroupChoice;
use crate::client::Connection;
use crate::output::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a secret for a plugin, new or over an old one
    Set(SecretSetArguments),
    /// List the names of a plugin's secrets
    List(SecretListArguments),
    /// Remove a plugin's secret
    Remove(SecretOneArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The value is asked for, or read from standard input. Nobody can read it back. It is kept under the key file `secrets.key` of
the data folder, which no backup holds: keep a copy of that file elsewhere, or store the secrets anew after a restore.

Examples:
  forecourt secret set dms dms-token
  forecourt secret set dms dms-token --value-stdin < token.txt")]
pub(crate) struct SecretSetArguments {
    /// The plugin
    pub(crate) plugin: PluginName,
    /// The secret's name, as in `[http]` of the plugin's manifest
    pub(crate) secret: String,
    /// Read the value from the first line of standard input instead of asking for it
    #[arg(long)]
    pub(crate) value_stdin: bool,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct SecretListArguments {
    /// The plugin
    pub(crate) plugin: PluginName,
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct SecretOneArguments {
    /// The plugin
    pub(crate) plugin: PluginName,
    /// The secret's name
    pub(crate) secret: String,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List requests that are to be sent or told, failed, or were not taken by their plugin
    List(OutboxListArguments),
    /// Have a request dealt with at once
    Retry(OutboxOneArguments),
    /// Give a request up
    Drop(OutboxOneArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt outbox list bj01 --state failed")]
pub(crate) struct OutboxListArguments {
    /// The store, or @GROUP for requests of the whole group
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// Only those that are `queued`, `answered`, `failed` or `undelivered`
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct OutboxOneArguments {
    /// The store, or @GROUP for requests of the whole group
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The request's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
