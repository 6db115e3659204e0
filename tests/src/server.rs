//! The program under test: built once, run in folders of its own, killed and started again.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "dusty road 42";

/// The program: the main.rs of kernel/cli, built with the tests and with the same features as they, so that nothing is built twice.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("forecourt-e2e");
        assert!(program.exists(), "`{}` is built by `cargo test -p forecourt-tests`", program.display());
        program
    });
    &BINARY
}

/// The program with these arguments, untouched by the environment that the tests run in.
pub fn forecourt(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FORECOURT_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end with this on its standard input.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A data folder, removed with its handle.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("forecourt-e2e-").tempdir().unwrap())
    }

    /// One with a group, its admin `admin`, and the deployment's admin `root`.
    pub fn with_group(group: &str) -> Self {
        let folder = Self::new();
        let begun = folder.init(group);
        assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
        folder
    }

    /// Runs `forecourt init`.
    pub fn init(&self, group: &str) -> Output {
        let arguments = [
            "init",
            "--data",
            self.data(),
            "--group",
            group,
            "--admin",
            "admin",
            "--deployment-admin",
            "root",
            "--password-stdin",
        ];
        run(&mut forecourt(&arguments), &format!("{PASSWORD}\n{PASSWORD}\n"))
    }

    /// Where the kernel keeps its data.
    pub fn data(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// The same data in a folder of its own. Nothing may run on this one.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy_tree(self.0.path(), copy.0.path()).unwrap();
        copy
    }

    /// Whether something of this name lies in it.
    pub fn has(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("e2e.log")
    }

    /// What the kernel logged, but for the lines of its requests.
    pub fn messages(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let messages = lines.filter_map(|line| line["message"].as_str().map(str::to_owned));
        messages.filter(|message| message != "answered").collect()
    }

    /// The lines of the log that hold this text.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// The end of what the kernel logged.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

/// A running kernel.
#[derive(Debug)]
pub struct Server {
    process: Guarded,
    /// Held open so that the kernel can go on writing.
    _output: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    /// Starts a kernel on a folder and waits until it says where it listens.
    pub fn start(folder: &Folder, flags: &[&str]) -> Self {
        Self::start_program(serve(folder, flags), folder)
    }

    /// The same of any program that says where it listens as the kernel does, and that keeps to this folder.
    pub fn start_program(mut program: Command, folder: &Folder) -> Self {
        let log = File::options().create(true).append(true).open(folder.log()).unwrap();
        let mut child = program.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let process = Guarded::new(child, folder);
        Self::ready(process, output)
            .unwrap_or_else(|said| panic!("the kernel was not ready: {said}\n{}", folder.log_tail()))
    }

    fn ready(process: Guarded, mut output: BufReader<ChildStdout>) -> Result<Self, String> {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                return Err(said);
            }
            if let Some(url) = line.trim().strip_prefix("listening on ") {
                return Ok(Self { process, _output: output, url: url.to_owned() });
            }
            said.push_str(&line);
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that has not signed in.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// The same as an address.
    pub fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process.child)
    }

    /// SIGKILL, as a power cut to the process: nothing of it runs any more when this returns.
    pub fn kill(self) {
        drop(self);
    }

    /// SIGTERM, and how the process ended.
    pub fn stop(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.process.child.wait().unwrap()
    }

    /// From now on the folder is removed too when the tests' process ends without dropping this server.
    pub fn own_folder(&mut self) {
        self.process.tell_guard("own\n");
    }
}

/// Starts a kernel that logs all it does, and kills it once it has written this many lines, or is ready before.
pub fn kill_while_starting(folder: &Folder, flags: &[&str], lines: usize) {
    let mut child =
        serve(folder, flags).args(["--log", "trace"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let _process = Guarded::new(child, folder);
    let ready = |line: &String| line.contains("\"message\":\"ready\"");
    let _ = log.lines().map_while(Result::ok).take(lines).find(ready);
}

fn serve(folder: &Folder, flags: &[&str]) -> Command {
    let mut command = forecourt(&["serve", "--data", folder.data(), "--listen", "127.0.0.1:0"]);
    command.args(flags).env("FORECOURT_DEMO_PASSWORD", PASSWORD);
    command
}

/// INVARIANT (no-orphans): a kernel, and a process that reads from a pipe which the tests hold. Where the pipe ends without a word, the tests'
/// process has ended, and the kernel must too.
#[derive(Debug)]
struct Guarded {
    child: Child,
    guard: Child,
}

const GUARD: &str = r#"while read -r word; do case $word in done) exit 0;; own) own=1;; esac; done
kill -9 "$1" 2>/dev/null; [ -z "$own" ] || rm -rf "$2""#;

impl Guarded {
    fn new(child: Child, folder: &Folder) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard", &child.id().to_string(), folder.data()]);
        let guard = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, guard }
    }

    fn tell_guard(&mut self, word: &str) {
        if let Some(input) = &mut self.guard.stdin {
            let _ = input.write_all(word.as_bytes());
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.tell_guard("done\n");
        let _ = self.guard.wait();
    }
}
