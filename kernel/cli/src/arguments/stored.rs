//! `verify`, `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is repaired. What is wrong is listed with what to do about it, and the exit code is then 5. Lines of the audit
trails are compared with the seals over them; with --head also the seals with one that was kept elsewhere.

Examples:
  forecourt verify --data /var/lib/forecourt
  forecourt verify --data /var/lib/forecourt --head head-2026-05-17.json")]
pub(crate) struct VerifyArguments {
    /// Heads of audit trails as `forecourt audit head` printed them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Vec<PathBuf>,
    /// The data folder
    #[arg(long, value_name = "DIR", env = "FORECOURT_DATA", hide_env_values = true, default_value = crate::config::DATA)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The kernel must not be running on the data folder. A backup holds everything that was committed, and may hold personal
data. A new one needs an empty folder; one that was interrupted has no manifest.json and cannot be restored.

Example:
  forecourt backup /backups/2026-05-17 --data /var/lib/forecourt")]
pub(crate) struct BackupArguments {
    /// The folder for the backup, empty or missing
    #[arg(value_name = "BACKUP")]
    pub(crate) target: PathBuf,
    /// The data folder
    #[arg(long, value_name = "DIR", env = "FORECOURT_DATA", hide_env_values = true, default_value = crate::config::DATA)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every checksum of the backup is verified first. A restore that is interrupted leaves what was there, or the backup;
do it again.

Examples:
  forecourt restore /backups/2026-05-17 --data /var/lib/forecourt
  forecourt restore /backups/2026-05-17 --data /var/lib/forecourt --force")]
pub(crate) struct RestoreArguments {
    /// The folder of the backup
    #[arg(value_name = "BACKUP")]
    pub(crate) source: PathBuf,
    /// The data folder
    #[arg(long, value_name = "DIR", env = "FORECOURT_DATA", hide_env_values = true, default_value = crate::config::DATA)]
    pub(crate) data: PathBuf,
    /// Also where the folder holds data: they are moved aside, not removed
    #[arg(long)]
    pub(crate) force: bool,
}
