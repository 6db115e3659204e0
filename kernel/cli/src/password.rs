//! How passwords come in. INVARIANT (secrets-by-hand): never as an argument.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;

use crate::failure::Failure;

/// Where a password is read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PasswordSource {
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

impl PasswordSource {
    /// A password that exists.
    pub(crate) fn existing(&self, prompt: &str) -> Result<String, Failure> {
        if self.password_stdin {
            return from_line(&mut io::stdin().lock());
        }
        ask(prompt)
    }

    /// A new password; one who types it does so twice.
    pub(crate) fn new_for(&self, user: &str) -> Result<String, Failure> {
        if self.password_stdin {
            return from_line(&mut io::stdin().lock());
        }
        let password = ask(&format!("new password for {user}: "))?;
        if ask("the same again: ")? != password {
            return Err(Failure::usage("the two passwords differ; nothing was changed"));
        }
        Ok(password)
    }
}

/// The value of a secret that others gave.
pub(crate) fn secret(from_stdin: bool, prompt: &str) -> Result<String, Failure> {
    if from_stdin { from_line(&mut io::stdin().lock()) } else { ask(prompt) }
}

fn ask(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for the password on: give it by --password-stdin or --value-stdin",
        ));
    }
    Ok(rpassword::prompt_password(prompt)?)
}

fn from_line(input: &mut dyn BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        return Err(Failure::usage("the first line of standard input is empty: it must be the password"));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_without_its_end_and_with_its_blanks() {
        for (input, password) in [("s3cret phrase\n", "s3cret phrase"), (" x \r\ny\n", " x "), ("no end", "no end")] {
            assert_eq!(from_line(&mut input.as_bytes()).unwrap(), password);
        }
        assert!(from_line(&mut "\n".as_bytes()).unwrap_err().to_string().contains("is empty"));
    }
}
