//! What people read: tables, and progress of long work.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use forecourt_storage::Told;

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// JSON for programs.
    Json,
}

/// Writes rows as columns two blanks apart; the last column is not padded. Widths count characters, so wide ones belong last.
pub(crate) fn table(out: &mut dyn Write, heads: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let width =
        |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in all() {
        let cells = row.iter().zip(&widths).enumerate();
        let line = cells.map(|(column, (cell, width))| match column + 1 == row.len() {
            true => cell.clone(),
            false => format!("{cell:width$}  "),
        });
        writeln!(out, "{}", line.collect::<String>().trim_end())?;
    }
    Ok(())
}

/// Tells on standard error what long work is going on, to people alone: where logs are machine-read it is a log line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    human: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { human: io::stderr().is_terminal() }
    }

    /// Says that `what` goes on, until the answer is dropped; then how long it took.
    pub(crate) fn begin(self, what: impl Display) -> Step {
        let what = what.to_string();
        self.say(&format!("{what} …"));
        Step { progress: self, what, started: Instant::now() }
    }

    /// Says how work on stored data goes on, about once a second.
    pub(crate) fn told(self) -> Told {
        Told::by(move |opening| self.say(&opening.to_string()))
    }

    fn say(self, text: &str) {
        if self.human {
            let _ = writeln!(io::stderr(), "  {text}");
        } else {
            tracing::info!(target: "forecourt::progress", "{text}");
        }
    }
}

/// Work that goes on.
#[derive(Debug)]
pub(crate) struct Step {
    progress: Progress,
    what: String,
    started: Instant,
}

impl Step {
    /// Says that the work is done, where it took long enough for anyone to wonder.
    pub(crate) fn done(self) {
        let took = self.started.elapsed();
        if took >= Duration::from_millis(100) {
            self.progress.say(&format!("{}: done in {:.1} s", self.what, took.as_secs_f64()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["parts".to_owned(), "0.1.0".to_owned(), "配件".to_owned()],
            vec!["a".to_owned(), String::new(), String::new()],
        ];
        let mut out = Vec::new();
        table(&mut out, &["PLUGIN", "VERSION", "TITLE"], &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "PLUGIN  VERSION  TITLE\nparts   0.1.0    配件\na\n");
    }
}
