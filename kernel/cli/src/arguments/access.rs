//! `user sessions` and the like, `key` and `role`.

use clap::{Args, Subcommand};
use forecourt_base::{OperationPath, RoleName, StoreId, UserId};

use super::{GroupChoice, role};
use crate::client::Connection;
use crate::output::Format;
use crate::password::PasswordSource;

#[derive(Debug, Args)]
pub(crate) struct UserArguments {
    /// The user
    pub(crate) user: UserId,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt user end-sessions li.wei")]
pub(crate) struct EndSessionsArguments {
    /// The user
    pub(crate) user: UserId,
    /// One session alone, by its id in `forecourt user sessions`
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Standard input has two lines: the token of `forecourt user reset-password`, and the new password. On a terminal both are
asked for. All sessions and API keys of the user end.

Example:
  forecourt user new-password --password-stdin < lines.txt")]
pub(crate) struct NewPasswordArguments {
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print its secret, which is shown this once
    Add(KeyAddArguments),
    /// List the keys of a user
    List(UserArguments),
    /// Revoke a key at once
    Revoke(KeyRevokeArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
People make keys for themselves, admins for service users. Only the secret goes to standard output; use it as
FORECOURT_TOKEN.

Examples:
  forecourt user add till --service --role cashier@bj01
  forecourt key add till --name 'till 3' --expires 2027-01-01T00:00:00Z")]
pub(crate) struct KeyAddArguments {
    /// The user
    pub(crate) user: UserId,
    /// What people call the key
    #[arg(long)]
    pub(crate) name: String,
    /// A role of the user's that the key may have, in a store or the whole group; may be repeated; all when not given
    #[arg(long = "role", value_name = "ROLE[@STORE]", value_parser = role)]
    pub(crate) roles: Vec<(RoleName, Option<StoreId>)>,
    /// When it expires, such as 2027-01-01T00:00:00Z; when it is revoked, if not given
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRevokeArguments {
    /// The user
    pub(crate) user: UserId,
    /// The key's id in `forecourt key list`
    #[arg(value_name = "ID")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Make a link and print its address, which is shown this once
    Add(LinkAddArguments),
    /// List the links of a store
    List(LinkListArguments),
    /// Revoke a link at once
    Revoke(LinkRevokeArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The plugin declares which operations are open to links, and which power it takes to make one. Whoever has the address
calls ADDRESS/AREA/INTERFACE/OPERATION with POST.

Example:
  forecourt link add bj01 0198c2f1-7d1c-7a55-a0d2-0f6ff2f5a1ce \\
    --operation repair/orders/get-order --operation repair/orders/approve --expires 2026-06-01T00:00:00Z")]
pub(crate) struct LinkAddArguments {
    /// The store
    pub(crate) store: StoreId,
    /// The id of the record that the link opens
    pub(crate) record: String,
    /// An operation that it opens; may be repeated
    #[arg(long = "operation", value_name = "OPERATION", required = true)]
    pub(crate) operations: Vec<OperationPath>,
    /// The id of the customer whom it is for, where the area knows one
    #[arg(long)]
    pub(crate) customer: Option<String>,
    /// When it is good no more, such as 2026-06-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct LinkListArguments {
    /// The store
    pub(crate) store: StoreId,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct LinkRevokeArguments {
    /// The store
    pub(crate) store: StoreId,
    /// The link's id in `forecourt link list`
    #[arg(value_name = "ID")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// List the roles of a group
    List(RoleListArguments),
    /// Print a role's grants and powers, and who holds it, as JSON
    Show(RoleNameArguments),
    /// Add a role of the group's own
    Add(RoleAddArguments),
    /// Replace what a role grants, at once for everyone who holds it
    Set(RoleSetArguments),
    /// Delete a role that nobody holds
    Delete(RoleNameArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RoleListArguments {
    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct RoleNameArguments {
    /// The role
    pub(crate) role: RoleName,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt role add valet --name-zh 代客泊车 --name-en Valet")]
pub(crate) struct RoleAddArguments {
    /// The role
    pub(crate) role: RoleName,
    /// Its name in Chinese
    #[arg(long, value_name = "NAME")]
    pub(crate) name_zh: Option<String>,
    /// Its name in English
    #[arg(long, value_name = "NAME")]
    pub(crate) name_en: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A grant names an area, one of its interfaces or a single operation, and which kind: query, command or any.

Examples:
  forecourt role set valet '{\"grants\": [{\"area\": \"repair\", \"interface\": \"orders\", \"kind\": \"query\"}]}'
  forecourt role set advisor @grants.json")]
pub(crate) struct RoleSetArguments {
    /// The role
    pub(crate) role: RoleName,
    /// JSON with `grants` and `powers`; @FILE reads a file, - standard input
    #[arg(value_name = "JSON")]
    pub(crate) grants: String,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
