//! From component bytes to machine code: in a child process with limits, and kept in a private folder.
//!
//! INVARIANT (own-code): machine code is loaded only when this kernel made it. A kept artefact carries an HMAC over the component's
//! digest, the engine's fingerprint and the code, under a key that never leaves the folder; artefacts are not in backups.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use forecourt_base::{Random, limits};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::KernelError;
use crate::engine::{Purpose, build};

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a child process: `exe` is run with `arguments`, reads the component from its standard input and writes the artefact to
    /// its standard output. It must end in [`compile_child`].
    Child {
        /// The program, usually the kernel's own.
        exe: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// In this process, without limits; for tests and tools that trust their components.
    InProcess,
}

/// The body of the child process: limits itself, compiles standard input, writes the artefact to standard output.
///
/// # Errors
/// [`KernelError::Compile`] says why the component was refused.
pub fn compile_child() -> Result<(), KernelError> {
    use std::io::{Read, Write};
    let cpu = rustix::process::Rlimit { current: Some(limits::COMPILE_CPU_S), maximum: Some(limits::COMPILE_CPU_S) };
    let memory = limits::COMPILE_MEMORY_BYTES as u64;
    let memory = rustix::process::Rlimit { current: Some(memory), maximum: Some(memory) };
    for (resource, limit) in [(rustix::process::Resource::Cpu, cpu), (rustix::process::Resource::As, memory)] {
        rustix::process::setrlimit(resource, limit)
            .map_err(|error| KernelError::Compile(format!("the limits were not set: {error}")))?;
    }
    // Calls come before compiling where both want the processor.
    let _ = rustix::process::nice(COMPILE_NICENESS);
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limits::COMPONENT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| KernelError::Io { what: "reading the component".to_owned(), source })?;
    let artefact = compile_here(&bytes)?;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(&artefact)
        .and_then(|()| stdout.flush())
        .map_err(|source| KernelError::Io { what: "writing the artefact".to_owned(), source })
}

fn compile_here(bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
    if bytes.len() > limits::COMPONENT_BYTES {
        return Err(KernelError::Compile(format!("it is larger than {} bytes", limits::COMPONENT_BYTES)));
    }
    build(Purpose::Compile)?.precompile_component(bytes).map_err(|error| KernelError::Compile(format!("{error:#}")))
}

impl Compiler {
    async fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
        match self {
            Self::InProcess => {
                let bytes = bytes.to_vec();
                let task = tokio::task::spawn_blocking(move || compile_here(&bytes));
                task.await.map_err(|error| KernelError::Compile(error.to_string()))?
            }
            Self::Child { exe, arguments } => {
                let wall = Duration::from_secs(2 * limits::COMPILE_CPU_S);
                tokio::time::timeout(wall, in_child(exe, arguments, bytes))
                    .await
                    .map_err(|_| KernelError::Compile(format!("it took more than {} seconds", wall.as_secs())))?
            }
        }
    }
}

async fn in_child(exe: &Path, arguments: &[String], bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| KernelError::Io { what, source }
    };
    let mut child = tokio::process::Command::new(exe)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed("starting the compiler"))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(KernelError::Compile("the compiler has no pipes".to_owned()));
    };
    let feed = async move {
        // A child that stops reading tells why by its exit code and its standard error.
        let _ = stdin.write_all(bytes).await;
        let _ = stdin.shutdown().await;
    };
    let (mut artefact, mut message) = (Vec::new(), Vec::new());
    let mut stdout = stdout.take(ARTEFACT_BYTES);
    let mut stderr = stderr.take(4096);
    let (_, read, _) = tokio::join!(feed, stdout.read_to_end(&mut artefact), stderr.read_to_end(&mut message));
    read.map_err(failed("reading the artefact"))?;
    let status = child.wait().await.map_err(failed("waiting for the compiler"))?;
    if status.success() {
        return Ok(artefact);
    }
    let message = String::from_utf8_lossy(&message);
    let message = message.trim();
    if message.is_empty() || status.code().is_none() {
        return Err(KernelError::Compile(format!(
            "the compiler was ended ({status}): at most {} seconds and {} bytes of memory are given",
            limits::COMPILE_CPU_S,
            limits::COMPILE_MEMORY_BYTES
        )));
    }
    Err(KernelError::Compile(message.to_owned()))
}

/// How much the compiler stands back, from 0 to 19.
const COMPILE_NICENESS: i32 = 10;

/// Machine code is some times larger than the component it was made from.
const ARTEFACT_BYTES: u64 = 16 * limits::COMPONENT_BYTES as u64;

type HmacSha256 = Hmac<Sha256>;

/// Compiled components on disk.
#[derive(Debug)]
pub(crate) struct Artefacts {
    folder: Option<PathBuf>,
    key: [u8; 32],
    compiler: Compiler,
}

const TAG_BYTES: usize = 32;

impl Artefacts {
    /// Opens the private folder, making it and its key where they are missing. Without a folder nothing is kept.
    pub(crate) fn open(folder: Option<PathBuf>, compiler: Compiler, random: &dyn Random) -> Result<Self, KernelError> {
        let mut key = [0; 32];
        random.fill(&mut key);
        if let Some(folder) = &folder {
            let io = |what: &str, source| KernelError::Io { what: format!("{what} `{}`", folder.display()), source };
            make_private(folder).map_err(|source| io("making", source))?;
            let path = folder.join("key");
            match std::fs::read(&path) {
                Ok(bytes) if bytes.len() == key.len() => key.copy_from_slice(&bytes),
                _ => write_private(&path, &key).map_err(|source| io("writing the key in", source))?,
            }
        }
        Ok(Self { folder, key, compiler })
    }

    /// The component of these bytes, from the folder or compiled anew.
    pub(crate) async fn component(
        &self,
        engine: &Engine,
        digest: &[u8; 32],
        bytes: &[u8],
    ) -> Result<Component, KernelError> {
        let prefix = [digest.as_slice(), fingerprint(engine).as_slice()].concat();
        let path = self.folder.as_ref().map(|folder| folder.join(file_name(&prefix)));
        if let Some(artefact) = path.as_deref().and_then(|path| self.read(path, &prefix)) {
            return load(engine, &artefact);
        }
        let artefact = self.compiler.compile(bytes).await?;
        let component = load(engine, &artefact)?;
        if let Some(path) = path
            && let Err(error) = self.write(&path, &prefix, artefact)
        {
            tracing::warn!(path = %path.display(), %error, "a compiled component was not kept");
        }
        Ok(component)
    }

    fn tag(&self, prefix: &[u8], artefact: &[u8]) -> Option<HmacSha256> {
        let mut mac = HmacSha256::new_from_slice(&self.key).ok()?;
        mac.update(prefix);
        mac.update(artefact);
        Some(mac)
    }

    fn read(&self, path: &Path, prefix: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(path).ok()?;
        let at = bytes.len().checked_sub(TAG_BYTES)?;
        let tag = bytes.split_off(at);
        if self.tag(prefix, &bytes)?.verify_slice(&tag).is_err() {
            tracing::warn!(path = %path.display(), "a kept artefact is not this kernel's and is made anew");
            return None;
        }
        Some(bytes)
    }

    fn write(&self, path: &Path, prefix: &[u8], mut artefact: Vec<u8>) -> std::io::Result<()> {
        let tag = self.tag(prefix, &artefact).ok_or_else(|| std::io::Error::other("no key"))?;
        artefact.extend(tag.finalize().into_bytes());
        let unfinished = path.with_extension("new");
        write_private(&unfinished, &artefact)?;
        std::fs::rename(&unfinished, path)
    }
}

fn file_name(prefix: &[u8]) -> String {
    Sha256::digest(prefix).iter().take(20).map(|byte| format!("{byte:02x}")).collect::<String>() + ".artefact"
}

/// What an artefact depends on beside its component: wasmtime's version and everything in the configuration that shapes code.
fn fingerprint(engine: &Engine) -> [u8; 8] {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish().to_be_bytes()
}

#[expect(
    unsafe_code,
    reason = "INVARIANT (own-code): the artefact was made by this kernel's compiler and its tag was verified"
)]
fn load(engine: &Engine, artefact: &[u8]) -> Result<Component, KernelError> {
    unsafe { Component::deserialize(engine, artefact) }.map_err(|error| KernelError::Engine(format!("{error:#}")))
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::OsRandom;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn only_artefact(folder: &Path) -> PathBuf {
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "artefact")).unwrap()
    }

    #[tokio::test]
    async fn an_artefact_is_reused_and_a_forged_one_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let engine = build(Purpose::Compile).unwrap();
        let open = || Artefacts::open(Some(folder.path().to_owned()), Compiler::InProcess, &OsRandom).unwrap();
        let (artefacts, digest) = (open(), Sha256::digest(EMPTY).into());
        artefacts.component(&engine, &digest, EMPTY).await.unwrap();
        let path = only_artefact(folder.path());
        let kept = std::fs::read(&path).unwrap();
        let prefix = [&digest[..], &fingerprint(&engine)].concat();
        assert!(open().read(&path, &prefix).is_some());
        for at in [0, kept.len() / 2, kept.len() - 1] {
            let mut forged = kept.clone();
            forged[at] ^= 1;
            std::fs::write(&path, &forged).unwrap();
            assert!(open().read(&path, &prefix).is_none(), "byte {at}");
        }
        open().component(&engine, &digest, EMPTY).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), kept);
    }

    #[tokio::test]
    async fn what_is_no_component_is_refused_with_a_reason() {
        let artefacts = Artefacts::open(None, Compiler::InProcess, &OsRandom).unwrap();
        let engine = build(Purpose::Compile).unwrap();
        let refused = artefacts.component(&engine, &[0; 32], b"\0asm\x01\0\0\0").await;
        assert!(matches!(refused, Err(KernelError::Compile(_))));
    }
}
