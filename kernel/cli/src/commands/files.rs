//! `file put` and `file get`: contents go from and to the disk without being held in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::place;
use crate::arguments::{FileCommand, FileGetArguments, FilePutArguments};
use crate::client::{Client, text};
use crate::failure::{Exit, Failure};

const PIECE_BYTES: usize = 1 << 18;

pub(crate) fn run(command: &FileCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        FileCommand::Put(arguments) => put(arguments, out),
        FileCommand::Get(arguments) => get(arguments, out),
    }
}

fn put(arguments: &FilePutArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let path = &arguments.file;
    let refused = |error| Failure::usage(format!("`{}` was not read: {error}", path.display()));
    let mut file = File::open(path).map_err(refused)?;
    let sha256 = copy(&mut file, &mut std::io::sink()).map_err(refused)?;
    file.seek(SeekFrom::Start(0)).map_err(refused)?;
    let client = Client::signed_in(&arguments.connection)?;
    let reply = client.upload(&format!("/v1/{place}/files/{sha256}"), &file)?;
    writeln!(out, "{}", text(&reply.value, "sha256"))?;
    Ok(())
}

fn get(arguments: &FileGetArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let sha256 = arguments.sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!("`{sha256}` is no SHA-256: it has 64 hexadecimal digits")));
    }
    let output = arguments.output.clone().unwrap_or_else(|| PathBuf::from(&sha256));
    let client = Client::signed_in(&arguments.connection)?;
    let mut body = client.download(&format!("/v1/{place}/files/{sha256}"))?;
    let unfinished = PathBuf::from(format!("{}.part", output.display()));
    let written = write(&mut body, &unfinished, &sha256);
    if let Err(failure) = written {
        let _ = std::fs::remove_file(&unfinished);
        return Err(failure);
    }
    std::fs::rename(&unfinished, &output)?;
    writeln!(out, "{}", output.display())?;
    Ok(())
}

fn write(body: &mut dyn Read, path: &Path, sha256: &str) -> Result<(), Failure> {
    let mut file = File::create(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
    let found = copy(body, &mut file)
        .map_err(|error| Failure::new(Exit::Unreachable, format!("the download broke off: {error}")))?;
    if found == sha256 {
        return Ok(());
    }
    Err(Failure::new(Exit::Unreachable, format!("what came hashes to `{found}`: try again")))
}

/// Copies everything; what it hashes to.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<String> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        let read = from.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        to.write_all(bytes)?;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
