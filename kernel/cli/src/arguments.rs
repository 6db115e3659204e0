//! The command line. Help texts are part of the interface: a test holds them.

mod files;
pub(crate) mod jobs;
mod outbound;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use forecourt_base::{Area, GroupId, PluginName, RoleName, StoreId, UserId};

pub(crate) use files::{FileCommand, FileGetArguments, FilePutArguments};
pub(crate) use outbound::{
    OutboxCommand, OutboxListArguments, OutboxOneArguments, SecretCommand, SecretListArguments, SecretOneArguments,
    SecretSetArguments,
};

use crate::client::Connection;
use crate::config::ServeFlags;
use crate::output::Format;
use crate::password::PasswordSource;
use crate::plugin_ref::PluginRef;
use jobs::JobsCommand;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong arguments, environment or configuration
  3  the kernel answered with a problem
  4  no kernel answers at the URL
  5  the data folder is in use, newer than this program, damaged, not writable, or not begun yet
  6  the address cannot be listened on
  130, 143  ended by a second signal before running calls had ended

Environment of the commands that ask a running kernel:
  FORECOURT_URL    where the kernel is, when --url is not given
  FORECOURT_TOKEN  the token of `forecourt sign-in`

Begin with:
  forecourt serve --demo";

/// A kernel on which a car-dealer group runs its business.
#[derive(Debug, Parser)]
#[command(name = "forecourt", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the kernel
    Serve(ServeFlags),
    /// Begin a data folder: its first group and the group's admin
    Init(InitArguments),
    /// Sign in and print a token
    SignIn(SignInArguments),
    /// Users of a group
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// API keys, which programs use in the place of a session
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Customer links: leave for somebody without an account to call operations on one record
    Link {
        #[command(subcommand)]
        command: LinkCommand,
    },
    /// Roles of a group, what they grant, and who holds them
    Role {
        #[command(subcommand)]
        command: RoleCommand,
    },
    /// Stores of a group
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Publish a plugin's component into a group
    Publish(PublishArguments),
    /// List the plugins of a group with their versions and grants
    Plugins(PluginsArguments),
    /// Approve what a plugin version requests
    Grant(GrantArguments),
    /// Let a plugin version serve an area in stores; over an enabled one it is a swap
    Enable(EnableArguments),
    /// Take an area out of service in stores; its data stay
    Disable(DisableArguments),
    /// List what serves in stores
    Modules(ModulesArguments),
    /// List who is told of events in a store, with lag, parked keys and dead letters
    Subscriptions(SubscriptionsArguments),
    /// Try a subscription's parked keys now
    Retry(RetryArguments),
    /// Events that a plugin could not handle
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Call an operation and print its answer as JSON
    Call(CallArguments),
    /// The audit trail of a group and its seals
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Files that records name: upload and download
    File {
        #[command(subcommand)]
        command: FileCommand,
    },
    /// Secrets that plugins place in requests and never see
    Secret {
        #[command(subcommand)]
        command: SecretCommand,
    },
    /// Requests of plugins to hosts outside that are not done with
    Outbox {
        #[command(subcommand)]
        command: OutboxCommand,
    },
    /// Long work of plugins: list, start, show, cancel, resume
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Look through a stopped data folder: every checksum, the index against the log, records against their indexes
    Verify(VerifyArguments),
    /// Copy a stopped data folder into another folder
    Backup(BackupArguments),
    /// Put a backup in the place of a stopped data folder
    Restore(RestoreArguments),
    /// Show every limit of the kernel
    Limits(LimitsArguments),
    /// Compile a component from standard input to standard output
    #[command(hide = true)]
    CompileComponent,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The kernel must not be running on the folder. The password is asked for, or read from standard input; with
--deployment-admin its password comes second.

Examples:
  forecourt init --group huadong --admin wang.fang
  forecourt init --data /var/lib/forecourt --group huadong --admin wang.fang --password-stdin < password.txt")]
pub(crate) struct InitArguments {
    /// The data folder
    #[arg(long, value_name = "DIR", env = "FORECOURT_DATA", hide_env_values = true, default_value = crate::config::DATA)]
    pub(crate) data: PathBuf,
    /// The id of the group
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: GroupId,
    /// The name of the group; its id when not given
    #[arg(long, value_name = "NAME")]
    pub(crate) group_name: Option<String>,
    /// The sign-in name of the group's admin
    #[arg(long, value_name = "USER")]
    pub(crate) admin: UserId,
    /// The sign-in name of an admin of the deployment, who can make further groups
    #[arg(long, value_name = "USER")]
    pub(crate) deployment_admin: Option<UserId>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Only the token goes to standard output.

Examples:
  export FORECOURT_TOKEN=$(forecourt sign-in advisor)
  export FORECOURT_TOKEN=$(forecourt sign-in advisor --group demo --password-stdin < password.txt)")]
pub(crate) struct SignInArguments {
    /// The sign-in name
    pub(crate) user: String,
    /// The group; not needed where there is one alone
    #[arg(long)]
    pub(crate) group: Option<GroupId>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user to a group
    Add(UserAddArguments),
    /// List the open sessions of a user
    Sessions(UserArguments),
    /// End the sessions of a user, or one of them
    EndSessions(EndSessionsArguments),
    /// Print a token with which a user can set a new password, once
    ResetPassword(UserArguments),
    /// Set a new password with such a token
    NewPassword(NewPasswordArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  forecourt user add li.wei --name 李伟 --role advisor@bj01 --role tech@bj01
  forecourt user add zhao.min --name 赵敏 --role auditor --password-stdin < password.txt")]
pub(crate) struct UserAddArguments {
    /// The sign-in name
    pub(crate) user: UserId,
    /// The name shown to people; the sign-in name when not given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A role in a store, or without a store in the whole group; may be repeated
    #[arg(long = "role", value_name = "ROLE[@STORE]", value_parser = role)]
    pub(crate) roles: Vec<(RoleName, Option<StoreId>)>,
    /// A department the user works in; may be repeated
    #[arg(long = "department", value_name = "DEPARTMENT")]
    pub(crate) departments: Vec<String>,
    /// A program that signs in with API keys: it has no password
    #[arg(long)]
    pub(crate) service: bool,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn role(text: &str) -> Result<(RoleName, Option<StoreId>), String> {
    let (role, store) = text.split_once('@').map_or((text, None), |(role, store)| (role, Some(store)));
    let store = store.map(StoreId::new).transpose().map_err(|error| error.to_string())?;
    Ok((RoleName::new(role).map_err(|error| error.to_string())?, store))
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Add a store to a group
    Add(StoreAddArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt store add bj01 --name 北京一店")]
pub(crate) struct StoreAddArguments {
    /// The store's id
    pub(crate) store: StoreId,
    /// The name shown to people; the id when not given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The IANA time zone in which the store's days begin
    #[arg(long, default_value = "Asia/Shanghai")]
    pub(crate) time_zone: String,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which group a command means.
#[derive(Debug, Args)]
pub(crate) struct GroupChoice {
    /// The group; that of the signed-in user when not given
    #[arg(long)]
    pub(crate) group: Option<GroupId>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The component is read, checked and compiled before anything is stored. The same bytes again change nothing.

Example:
  forecourt publish target/wasm32-wasip2/release/loyalty.wasm")]
pub(crate) struct PublishArguments {
    /// The component
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsArguments {
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --only all that the version requests is approved; `forecourt plugins --format json` shows what that is.

Examples:
  forecourt grant repair@0.1.0
  forecourt grant loyalty@1.0.0 --only '{\"kernel\": [\"storage\", \"clock\"], \"topics\": [\"loyalty.earned\"]}'")]
pub(crate) struct GrantArguments {
    /// The plugin version
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) plugin: PluginRef,
    /// Approve only this: JSON with `kernel`, `imports`, `topics` and `subscriptions`; @FILE reads a file, - standard input
    #[arg(long, value_name = "JSON")]
    pub(crate) only: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Stores are done one after another; at the first that refuses the command stops and says which were done. An extension, a
plugin without an area, is enabled under its own name.

Examples:
  forecourt enable repair repair@0.1.0 --stores bj01,sh01
  forecourt enable parts parts@0.2.0 --stores all
  forecourt enable loyalty loyalty@1.0.0 --stores all")]
pub(crate) struct EnableArguments {
    /// The area, such as `repair`; for an extension its own name
    pub(crate) area: Area,
    /// The plugin version
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) plugin: PluginRef,
    #[command(flatten)]
    pub(crate) stores: StoresChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt disable repair --stores sh01")]
pub(crate) struct DisableArguments {
    /// The area, such as `repair`
    pub(crate) area: Area,
    /// Also take out of service what cannot do without the area
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) stores: StoresChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which stores a command means.
#[derive(Debug, Args)]
pub(crate) struct StoresChoice {
    /// The stores, separated by commas, or `all` of the group
    #[arg(long, value_name = "STORE,…|all", value_delimiter = ',', required = true)]
    pub(crate) stores: Vec<StoreId>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
}

#[derive(Debug, Args)]
pub(crate) struct ModulesArguments {
    /// The stores, separated by commas, or `all` of the group
    #[arg(long, value_name = "STORE,…|all", value_delimiter = ',', default_value = "all")]
    pub(crate) stores: Vec<StoreId>,
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt subscriptions bj01")]
pub(crate) struct SubscriptionsArguments {
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
A key is parked when an event of it failed: it is tried again by itself, ever later. Use this once the cause is mended.

Examples:
  forecourt retry bj01 loyalty
  forecourt retry bj01 loyalty --key RO-2026-0017")]
pub(crate) struct RetryArguments {
    /// The store, or @GROUP for the group as a whole
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The plugin that is told
    pub(crate) plugin: PluginName,
    /// The key; when not given, all that are parked, up to a page of them
    #[arg(long)]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them
    List(LettersArguments),
    /// Print one with its event as JSON
    Show(LetterArguments),
    /// Hand one to its plugin again
    Redrive(LetterArguments),
    /// Drop one for good
    Drop(LetterArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LettersArguments {
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
pub(crate) struct LetterArguments {
    /// The store, or @GROUP for the group as a whole
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The dead letter's id, as `dead-letters list` shows it
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  forecourt call bj01 parts/stock/get-level '{\"part\": \"04E115561H\"}'
  forecourt call bj01 repair/orders/receive @order.json --idempotency-key reception-17
  echo '{}' | forecourt call bj01 repair/orders/list-orders -")]
pub(crate) struct CallArguments {
    /// The store, or @GROUP for an area of the whole group
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The operation: AREA/INTERFACE/OPERATION
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: forecourt_base::OperationPath,
    /// The parameters as one JSON object; @FILE reads a file, - standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    pub(crate) arguments: String,
    /// A key under which the first answer is kept, so that a repeat does nothing twice
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct LimitsArguments {
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

mod access;
mod audit;
mod stored;
pub(crate) use access::{
    EndSessionsArguments, KeyAddArguments, KeyCommand, KeyRevokeArguments, LinkAddArguments, LinkCommand,
    LinkListArguments, LinkRevokeArguments, NewPasswordArguments, RoleAddArguments, RoleCommand, RoleListArguments,
    RoleNameArguments, RoleSetArguments, UserArguments,
};
pub(crate) use audit::{
    AuditCheckArguments, AuditCommand, AuditExportArguments, AuditHeadArguments, AuditVerifyArguments,
};
pub(crate) use stored::{BackupArguments, RestoreArguments, VerifyArguments};

#[cfg(test)]
mod tests;
