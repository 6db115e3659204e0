//! The program `forecourt`: reads the configuration, wires the kernel together, and talks to a running kernel.
//!
//! Two kinds of commands: `serve`, `init`, `verify`, `backup` and `restore` open the data folder themselves, all others ask a running kernel over HTTP and hold
//! nothing of its rules. This crate decides nothing about the business, stores nothing but through the kernel, and is the only one
//! that reads flags, environment variables and configuration files.
//!
//! Invariants:
//! - INVARIANT (secrets-by-hand): passwords come from a prompt or standard input and tokens from the environment, never from arguments,
//!   which other people of the machine can see.
//! - INVARIANT (said-when-ready): the address is printed once requests are answered, not before.
//! - INVARIANT (demo-by-people): the demo's records are made by its users calling operations, never written behind them.
#![deny(missing_docs)]

mod arguments;
mod client;
mod commands;
mod config;
mod demo;
mod failure;
mod init;
mod logging;
mod output;
mod password;
mod plugin_ref;
mod serve;
mod stored;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::{Exit, Failure};

/// Runs the program with these arguments, the program's name first, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A help text that nobody reads to its end is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let mut stdout = std::io::stdout().lock();
    match dispatch(arguments.command, &mut stdout).and_then(|()| Ok(stdout.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "forecourt: {failure}");
            failure.exit().into()
        }
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Serve(flags) => serve::run(&flags, out),
        Command::Init(arguments) => init::run(&arguments, out),
        Command::Verify(arguments) => stored::run_verify(&arguments, out),
        Command::Backup(arguments) => stored::run_backup(&arguments, out),
        Command::Restore(arguments) => stored::run_restore(&arguments, out),
        Command::CompileComponent => Ok(forecourt_runtime::compile_child().map_err(anyhow::Error::from)?),
        Command::Limits(arguments) => commands::limits::run(&arguments, out),
        Command::SignIn(arguments) => commands::sign_in::run(&arguments, out),
        Command::User { command } => commands::people::user(&command, out),
        Command::Key { command } => commands::keys::run(&command, out),
        Command::Link { command } => commands::links::run(&command, out),
        Command::Role { command } => commands::roles::run(&command, out),
        Command::Store { command } => commands::people::store(&command, out),
        Command::Publish(arguments) => commands::plugins::publish(&arguments, out),
        Command::Plugins(arguments) => commands::plugins::list(&arguments, out),
        Command::Grant(arguments) => commands::plugins::grant(&arguments, out),
        Command::Enable(arguments) => commands::modules::enable(&arguments, out),
        Command::Disable(arguments) => commands::modules::disable(&arguments, out),
        Command::Modules(arguments) => commands::modules::list(&arguments, out),
        Command::Subscriptions(arguments) => commands::deliveries::subscriptions(&arguments, out),
        Command::Retry(arguments) => commands::deliveries::retry(&arguments, out),
        Command::DeadLetters { command } => commands::deliveries::dead_letters(&command, out),
        Command::Call(arguments) => commands::call::run(&arguments, out),
        Command::Audit { command } => commands::audit::run(&command, out),
        Command::Secret { command } => commands::outbound::secrets(&command, out),
        Command::Outbox { command } => commands::outbound::outbox(&command, out),
        Command::File { command } => commands::files::run(&command, out),
        Command::Jobs { command } => commands::jobs::run(&command, out),
    }
}
