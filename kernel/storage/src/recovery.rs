//! Bringing the index up to the log, or making it anew from a snapshot file and the log.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::StorageError;
use crate::engine::Position;
use crate::folder::{Folder, State};
use crate::log::chain::Chain;
use crate::log::replay::{End, Reach, replay};
use crate::log::segment;
use crate::opening::{Meter, Told, Work};
use crate::snapshot::{self, Foot, SnapshotFile, read_foot, read_rows};
use crate::store::{Store, StoredTable};

/// Frames are applied to the index together until they have this many rows…
const REPLAY_ROWS: usize = 4_096;
/// …or bytes.
const REPLAY_BYTES: usize = 16 << 20;

/// A folder that was opened.
pub(crate) struct Recovered<T> {
    pub(crate) table: T,
    pub(crate) end: End,
    /// Whether the index was made anew. The folder's state then still says that it is being made.
    pub(crate) rebuilt: bool,
}

/// The index, brought up to the end of the log.
pub(crate) fn recover<S: Store>(folder: &Folder, store: &S, told: &Told) -> Result<Recovered<S::Table>, StorageError> {
    let files = &**folder.files();
    segment::sweep(files, &folder.log())?;
    snapshot::sweep(files, &folder.snapshots(), false)?;
    // A kernel that was killed may have named a segment and not synced its name.
    files.sync_dir(&folder.log()).map_err(|error| StorageError::io(&folder.log(), error))?;
    if folder.state()? != State::Rebuilding && Chain::open(files, &folder.log())?.segments.is_empty() {
        return Err(StorageError::corrupt(format!(
            "the log in `{}` is gone: put its files back, or restore a backup",
            folder.log().display()
        )));
    }
    if folder.index_is_trusted()? {
        folder.set_running()?;
        match catch_up(folder, store, told) {
            Ok(Some((table, end))) => return Ok(Recovered { table, end, rebuilt: false }),
            Ok(None) => tracing::warn!("the index is behind the beginning of the log: making it anew"),
            Err(StorageError::Index(error)) => tracing::warn!(%error, "the index cannot be used: making it anew"),
            Err(error) => return Err(error),
        }
    }
    // Until the new index is whole, whoever opens the folder must begin again.
    folder.set_state(&State::Rebuilding)?;
    let (table, end) = rebuild(folder, store, told)?;
    Ok(Recovered { table, end, rebuilt: true })
}

/// Applies what the log has and the index has not; none when the log no longer holds what the index lacks.
fn catch_up<S: Store>(folder: &Folder, store: &S, told: &Told) -> Result<Option<(S::Table, End)>, StorageError> {
    let table = store.open()?;
    let applied = table.applied()?;
    let files = &**folder.files();
    let chain = Chain::open(files, &folder.log())?;
    if chain.start(applied).is_none() {
        return Ok(None);
    }
    let snapshot = snapshot::list(files, &folder.snapshots())?.first().map_or(0, |file| file.start);
    let reach = Reach { applied, known: applied, by: "the index", snapshot };
    let end = apply_log(chain, reach, &table, told)?;
    if end.last > applied {
        tracing::info!(from = applied, to = end.last, "the index was behind the log and has caught up");
    }
    Ok(Some((table, end)))
}

/// Where a new index can begin: in a snapshot file, or in nothing.
#[derive(Debug)]
struct Source {
    file: Option<SnapshotFile>,
    start: Position,
}

/// Makes the index from the newest snapshot file that can be read and that the log joins on to, or from the log alone where that is whole.
fn rebuild<S: Store>(folder: &Folder, store: &S, told: &Told) -> Result<(S::Table, End), StorageError> {
    let files = &**folder.files();
    let found = snapshot::list(files, &folder.snapshots())?;
    let mut refused = Vec::new();
    let mut known = Foot { end: 0, rows: 0, blocks: 0 };
    for file in &found {
        match read_foot(files, &file.path, file.start) {
            Ok(foot) if foot.end > known.end => known = foot,
            Ok(_) => {}
            Err(error @ StorageError::Corrupt { .. }) => tracing::warn!(%error, "a snapshot file has no foot"),
            Err(error) => return Err(error),
        }
    }
    let newest = found.first().map_or(0, |file| file.start);
    let sources = found.into_iter().map(|file| Source { start: file.start, file: Some(file) });
    for source in sources.chain([Source { file: None, start: 0 }]) {
        let chain = Chain::open(files, &folder.log())?;
        if chain.start(source.start).is_none() {
            refused.push(match &source.file {
                Some(file) => format!("`{}` ends too early", file.path.display()),
                None => chain.beginning(),
            });
            continue;
        }
        store.remove()?;
        let table = store.open()?;
        match load(folder, &source, &table, told) {
            Ok(()) => {}
            Err(error @ StorageError::Corrupt { .. }) => {
                tracing::error!(%error, "a snapshot file is damaged: the one before is used");
                refused.push(error.to_string());
                if let Some(file) = &source.file {
                    snapshot::set_aside(files, file)?;
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        let reach = Reach { applied: source.start, known: known.end, by: "a snapshot file", snapshot: newest };
        let end = apply_log(chain, reach, &table, told)?;
        tracing::info!(from = source.start, to = end.last, "the index was made anew");
        return Ok((table, end));
    }
    Err(StorageError::corrupt(format!(
        "the index cannot be made anew, as no snapshot file joins on to the log: {}; restore a backup",
        refused.join("; ")
    )))
}

/// Puts the rows of a snapshot file into an empty table.
fn load<T: StoredTable>(folder: &Folder, source: &Source, table: &T, told: &Told) -> Result<(), StorageError> {
    let Some(file) = &source.file else { return Ok(()) };
    let files = &**folder.files();
    let io = |error| StorageError::io(&file.path, error);
    let size = files.open(&file.path).and_then(|file| file.size()).map_err(io)?;
    tracing::info!(path = %file.path.display(), size, "making the index anew from a snapshot file");
    let mut meter = Meter::begin(told, Work::LoadingSnapshot, size);
    let mut count = 0;
    read_rows(files, &file.path, file.start, |rows, read| {
        count += rows.len() as u64;
        meter.at(read, count);
        // The position follows when all rows are there.
        table.apply(0, &rows.into_iter().map(|(key, value)| (key, Some(value))).collect())
    })?;
    meter.end(count);
    Ok(())
}

/// Applies what the log has after `reach.applied`.
fn apply_log<T: StoredTable>(chain: Chain, reach: Reach<'_>, table: &T, told: &Told) -> Result<End, StorageError> {
    let mut meter = Meter::begin(told, Work::ReadingLog, chain.bytes_from(reach.applied));
    let mut rows: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::new();
    let mut bytes = 0;
    let mut count = 0;
    let end = replay(chain, reach, |frame, read| {
        let position = frame.last();
        for row in frame.transactions.into_iter().flatten() {
            bytes += row.key.len() + row.value.as_ref().map_or(0, Bytes::len);
            count += 1;
            rows.insert(row.key, row.value);
        }
        if rows.len() >= REPLAY_ROWS || bytes >= REPLAY_BYTES {
            table.apply(position, &rows)?;
            rows.clear();
            bytes = 0;
        }
        meter.at(read, count);
        Ok(())
    })?;
    if !rows.is_empty() || table.applied()? < end.last {
        table.apply(end.last, &rows)?;
    }
    Ok(end)
}
