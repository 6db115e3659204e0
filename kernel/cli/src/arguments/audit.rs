//! `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::GroupChoice;
use crate::client::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest seal's number and hash as JSON: keep it elsewhere
    Head(AuditHeadArguments),
    /// Compare every line with the seals of a running kernel
    Verify(AuditVerifyArguments),
    /// Write the sealed lines with their seals as JSON lines
    Export(AuditExportArguments),
    /// Check an export, without a kernel
    Check(AuditCheckArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Whoever has an older head can tell later whether anything that was sealed by then was touched.

Example:
  forecourt audit head > head-2026-05-17.json")]
pub(crate) struct AuditHeadArguments {
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 5 where something is wrong.

Example:
  forecourt audit verify --head head-2026-05-17.json")]
pub(crate) struct AuditVerifyArguments {
    /// A head as `forecourt audit head` printed it
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  forecourt audit export > audit.jsonl
  forecourt audit export --after 120 >> audit.jsonl")]
pub(crate) struct AuditExportArguments {
    /// Begin behind the seal of this number
    #[arg(long, value_name = "SEAL", default_value_t = 0)]
    pub(crate) after: u64,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The export must begin with the first seal. The exit code is 5 where something is wrong.

Example:
  forecourt audit check audit.jsonl --head head-2026-05-17.json")]
pub(crate) struct AuditCheckArguments {
    /// The export
    pub(crate) file: PathBuf,
    /// A head as `forecourt audit head` printed it
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
}
