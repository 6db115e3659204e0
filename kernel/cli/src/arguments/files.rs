//! The arguments of `file`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::client::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum FileCommand {
    /// Upload a file and print its SHA-256, by which records name it
    Put(FilePutArguments),
    /// Download a file
    Get(FileGetArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The same content again changes nothing. What no record names goes after a day.

Examples:
  forecourt file put bj01 signature.png
  forecourt file put @huadong terms.pdf")]
pub(crate) struct FilePutArguments {
    /// The store, or @GROUP for files of the whole group
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What came is held against the SHA-256 before it gets its name.

Example:
  forecourt file get bj01 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad --output signature.png")]
pub(crate) struct FileGetArguments {
    /// The store, or @GROUP for files of the whole group
    #[arg(value_name = "STORE")]
    pub(crate) place: String,
    /// The SHA-256 of its content
    #[arg(value_name = "SHA256")]
    pub(crate) sha256: String,
    /// Where to write it; the SHA-256 in this folder when not given
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
