//! Segments: files of the log, filled with zeros and synced before they are used, so that a commit changes no file's size.

use std::path::{Path, PathBuf};

use crate::StorageError;
use crate::files::{File, Files};
use crate::log::frame::{self, Parsed};

/// A segment's head: magic, its name, its number, the checksum of these.
const MAGIC: &[u8; 8] = b"FCLOG\0\0\x01";
const HEAD_USED_BYTES: usize = 28;
/// Where the first frame lies.
pub(crate) const HEAD_BYTES: usize = 64;
/// Zeros are written in pieces, each synced, so that commits to another segment never wait for much of it.
const ZERO_PIECE_BYTES: usize = 1 << 20;
/// The size of the first segment; each is twice the one before until they have their full size.
const FIRST_BYTES: usize = 1 << 20;
const SUFFIX: &str = ".log";
const SUFFIX_UNFINISHED: &str = ".new";

const _: () = assert!(HEAD_USED_BYTES <= HEAD_BYTES && HEAD_BYTES.is_multiple_of(frame::ALIGN_BYTES));

/// A segment that frames can be written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// A random name, part of each frame: bytes that anyone could choose are never taken for a frame.
    pub(crate) name: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn File>,
    pub(crate) size: u64,
}

/// The size of segment `number`.
pub(crate) fn size(number: u64, segment_bytes: usize) -> usize {
    let doublings = u32::try_from(number).unwrap_or(u32::MAX).min(20);
    (FIRST_BYTES << doublings).min(segment_bytes).max(HEAD_BYTES)
}

fn file_name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

impl Segment {
    /// Makes a segment. It has its final name only when all of it is on disk.
    pub(crate) fn create(
        files: &dyn Files,
        folder: &Path,
        number: u64,
        name: u64,
        bytes: usize,
    ) -> Result<Self, StorageError> {
        let path = folder.join(file_name(number));
        let unfinished = path.with_extension("new");
        let made = write_new(files, &unfinished, number, name, bytes).and_then(|file| {
            files.rename(&unfinished, &path)?;
            files.sync_dir(folder)?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Self { number, name, path, file, size: bytes as u64 }),
            Err(error) => {
                // What it took is given back, so that a full disk keeps some room for the index.
                let _ = files.remove(&unfinished);
                Err(StorageError::io(&path, error))
            }
        }
    }

    /// Opens a segment that was made before.
    pub(crate) fn open(files: &dyn Files, folder: &Path, number: u64) -> Result<Self, StorageError> {
        let path = folder.join(file_name(number));
        let io = |error| StorageError::io(&path, error);
        let file = files.open(&path).map_err(io)?;
        let size = file.size().map_err(io)?;
        let mut head = [0; HEAD_BYTES];
        let read = file.read_at(&mut head, 0).map_err(io)?;
        let name = (read == HEAD_BYTES).then(|| read_head(&head, number)).flatten();
        let name = name.ok_or_else(|| StorageError::corrupt(format!("the head of log segment {number} is damaged")))?;
        Ok(Self { number, name, path, file, size })
    }

    /// The position of the first frame, when there is a whole one.
    pub(crate) fn first_position(&self) -> Result<Option<u64>, StorageError> {
        let io = |error| StorageError::io(&self.path, error);
        let mut head = [0; frame::HEAD_BYTES];
        self.file.read_at(&mut head, HEAD_BYTES as u64).map_err(io)?;
        let Some(length) = frame::head_length(&head, self.name).filter(|length| *length as u64 <= self.size) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        let read = self.file.read_at(&mut bytes, HEAD_BYTES as u64).map_err(io)?;
        bytes.truncate(read);
        Ok(match frame::parse(&bytes.into(), 0, self.name) {
            Parsed::Frame(frame, _) => Some(frame.first),
            _ => None,
        })
    }
}

fn write_new(files: &dyn Files, path: &Path, number: u64, name: u64, bytes: usize) -> std::io::Result<Box<dyn File>> {
    let file = files.create(path)?;
    let mut piece = vec![0; bytes.min(ZERO_PIECE_BYTES)];
    if let Some(place) = piece.get_mut(..HEAD_USED_BYTES) {
        place.copy_from_slice(&head(number, name));
    }
    let mut at = 0;
    while at < bytes {
        piece.truncate(bytes - at);
        file.write_at(&piece, at as u64)?;
        file.sync_data()?;
        at += piece.len();
        piece.fill(0);
    }
    Ok(file)
}

fn head(number: u64, name: u64) -> [u8; HEAD_USED_BYTES] {
    let mut fields = [0; 24];
    let parts = [*MAGIC, name.to_le_bytes(), number.to_le_bytes()];
    fields.iter_mut().zip(parts.as_flattened()).for_each(|(to, from)| *to = *from);
    let mut head = [0; HEAD_USED_BYTES];
    let bytes = fields.iter().copied().chain(crc32c::crc32c(&fields).to_le_bytes());
    head.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    head
}

fn read_head(bytes: &[u8], number: u64) -> Option<u64> {
    let name = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    (bytes.get(..HEAD_USED_BYTES)? == head(number, name)).then_some(name)
}

/// Removes what was left unfinished.
pub(crate) fn sweep(files: &dyn Files, folder: &Path) -> Result<(), StorageError> {
    let io = |error| StorageError::io(folder, error);
    for name in files.list(folder).map_err(io)? {
        if name.ends_with(SUFFIX_UNFINISHED) {
            files.remove(&folder.join(name)).map_err(io)?;
        }
    }
    Ok(())
}

/// The numbers of the segments in a folder, in order.
pub(crate) fn list(files: &dyn Files, folder: &Path) -> Result<Vec<u64>, StorageError> {
    let names = files.list(folder).map_err(|error| StorageError::io(folder, error))?;
    let number = |name: &String| name.strip_suffix(SUFFIX).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    for (number, next) in numbers.iter().zip(numbers.iter().skip(1)) {
        if number + 1 != *next {
            return Err(StorageError::corrupt(format!("log segment {} is missing", number + 1)));
        }
    }
    Ok(numbers)
}

/// The file of segment `number`.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(file_name(number))
}
