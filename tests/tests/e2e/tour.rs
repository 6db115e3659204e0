//! README's tour, run from README itself: blocks marked `sh` as they stand there, in one shell; the block marked `bash` that kills the kernel kills
//! it. Where a block of text follows, it is what the commands print.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use forecourt_tests::server::PASSWORD;
use forecourt_tests::tree::root;
use forecourt_tests::{Folder, Server};

/// A fenced block: its language and text.
type Block = (String, String);

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

/// The text under a heading that holds `word`, up to the next one of its level.
fn section<'a>(text: &'a str, word: &str) -> &'a str {
    let sections = text.split("\n## ").skip(1);
    sections
        .into_iter()
        .find(|section| section.lines().next().is_some_and(|heading| heading.contains(word)))
        .expect("README has the section")
}

/// A shell that keeps its variables from block to block.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

const END: &str = "end of the block";

impl Shell {
    fn new() -> Self {
        let mut command = Command::new("bash");
        command.args(["-eu", "-o", "pipefail"]).env("FORECOURT_DEMO_PASSWORD", PASSWORD);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    /// Runs a block and gives what it printed.
    fn run(&mut self, block: &str) -> String {
        write!(self.input, "{block}\necho '{END}'\n").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "a command failed:\n{block}\n{printed}");
            if line.trim_end() == END {
                return printed;
            }
            printed.push_str(&line);
        }
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

/// Orders are numbered anew each year.
fn without_year(text: &str) -> String {
    let mut parts = text.split("RO-BJ01-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| told + "RO-BJ01-" + &part[4..])
}

#[test]
fn the_tour_in_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let commands = &blocks(&readme)[0];
    assert_eq!(commands.1, "cargo run --release -- serve --demo\ncargo test --workspace\n");
    let tour = blocks(section(&readme, "tour"));
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--demo"]);
    let mut shell = Shell::new();
    let locate = |server: &Server| format!("FORECOURT_URL={0} url={0}", server.url());
    shell.run(&locate(&server));
    let (mut compared, mut kills) = (0, 0);
    for (at, (language, text)) in tour.iter().enumerate() {
        if language == "bash" && text.contains("kill -9") {
            kills += 1;
            server.kill();
            server = Server::start(&folder, &["--demo"]);
            shell.run(&locate(&server));
        }
        if language != "sh" {
            continue;
        }
        let printed = shell.run(text);
        if let Some((_, expected)) = tour.get(at + 1).filter(|(language, _)| language == "text") {
            compared += 1;
            assert_eq!(without_year(&printed), without_year(expected), "{text}");
        }
    }
    shell.end();
    assert!(kills == 1 && compared >= 5, "{kills} kills, {compared} outputs compared");
    assert!(server.stop().success());
}
