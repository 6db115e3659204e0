//! Looking through a stopped folder: is every byte that it holds what was committed?
//!
//! The log and the snapshot files are read whole, every checksum. From a snapshot file and the log a table is made beside the index, row by row held
//! against it, and each record in it against its index entries and chunks. Nothing is repaired; a folder that is whole is left as it was found.

mod compare;
mod records;
mod report;

pub use records::StoredRecord;
pub use report::{Finding, Verified};

use std::path::Path;
use std::sync::Arc;

use crate::StorageError;
use crate::engine::Position;
use crate::files::Files;
use crate::folder::{Folder, State};
use crate::log::chain::Chain;
use crate::opening::{Meter, Told, Work};
use crate::shared::Table;
use crate::sled_store::{SledStore, SledTable};
use crate::snapshot::{self, Foot, SnapshotFile, read_rows};
use crate::store::{Store, StoredTable};

const RESTORE: &str = "restore a backup";
const REMAKE: &str = "remove the folder `index` and start the kernel, which makes it anew from the log";

/// Looks through the stopped folder at `path`. `visit` is given every record once, in the order of their rows, for whoever knows what they should hold.
///
/// # Errors
/// [`StorageError::InUse`], [`StorageError::NewerFormat`], [`StorageError::NotADataFolder`], errors of the disk. Damage is a finding, no error.
pub fn verify(
    path: &Path,
    files: Arc<dyn Files>,
    told: &Told,
    visit: &mut dyn FnMut(&StoredRecord),
) -> Result<Verified, StorageError> {
    let folder = Folder::open_existing(path, files)?;
    let mut report = Verified::default();
    let log = log(&folder, &mut report)?;
    let snapshots = snapshots(&folder, log.as_ref(), &mut report)?;
    let Some((chain, last)) = log else { return Ok(report) };
    let scratch = SledStore::new(folder.scratch());
    scratch.remove()?;
    let checked = tables(&folder, (&chain, last), &snapshots, &scratch, told, visit, &mut report);
    scratch.remove()?;
    checked?;
    Ok(report)
}

/// Damage becomes a finding, any other error stays one.
fn found<A>(
    result: Result<A, StorageError>,
    advice: &'static str,
    report: &mut Verified,
) -> Result<Option<A>, StorageError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StorageError::Corrupt { detail }) => {
            report.find(detail, advice);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads the whole log. Its last position; none when it is damaged.
fn log(folder: &Folder, report: &mut Verified) -> Result<Option<(Chain, Position)>, StorageError> {
    let opened = Chain::open(&**folder.files(), &folder.log());
    let Some(chain) = found(opened, RESTORE, report)? else { return Ok(None) };
    report.segments = chain.segments.len() as u64;
    let before = chain.firsts().values().next().map_or(0, |first| first.saturating_sub(1));
    let Some(walked) = found(chain.walk(before, |_, _| Ok(())), RESTORE, report)? else { return Ok(None) };
    (report.frames, report.position) = (walked.frames, walked.last);
    for torn in &walked.torn {
        let (segment, len) = (chain.number(torn.index), torn.len);
        report.note(format!(
            "{len} bytes behind the last frame of log segment {segment} are no frame: a commit that was never answered, which the next start removes"
        ));
    }
    if chain.segments.is_empty() {
        if folder.state()? != State::Rebuilding {
            report.find(format!("the log in `{}` is gone", folder.log().display()), RESTORE);
            return Ok(None);
        }
        report.note("nothing was ever committed here".to_owned());
    }
    Ok(Some((chain, walked.last)))
}

/// Reads every snapshot file. Those that are whole, the newest first.
fn snapshots(
    folder: &Folder,
    log: Option<&(Chain, Position)>,
    report: &mut Verified,
) -> Result<Vec<(SnapshotFile, Foot)>, StorageError> {
    const ANOTHER: &str = "the next older file and the log are used in its place; make a backup before they fail too";
    let files = &**folder.files();
    let mut whole = Vec::new();
    for file in snapshot::list(files, &folder.snapshots())? {
        let read = read_rows(files, &file.path, file.start, |_, _| Ok(()));
        let Some(foot) = found(read, ANOTHER, report)? else { continue };
        report.snapshots += 1;
        report.snapshot_rows += foot.rows;
        let path = file.path.display();
        match log {
            Some((chain, _)) if chain.start(file.start).is_none() => {
                report.find(
                    format!("snapshot file `{path}` does not join on to the log: {}", chain.beginning()),
                    ANOTHER,
                );
            }
            Some((_, last)) if *last < foot.end => {
                let what = format!("the log ends at position {last}, but snapshot file `{path}` is at {}", foot.end);
                report.find(what, RESTORE);
            }
            _ => whole.push((file, foot)),
        }
    }
    Ok(whole)
}

/// Makes a table from a snapshot file and the log, and holds the index and the records against it.
fn tables(
    folder: &Folder,
    log: (&Chain, Position),
    snapshots: &[(SnapshotFile, Foot)],
    scratch: &SledStore,
    told: &Told,
    visit: &mut dyn FnMut(&StoredRecord),
    report: &mut Verified,
) -> Result<(), StorageError> {
    let (chain, last) = log;
    let index = Index::open(folder, report)?;
    // After a kill the index is behind the log, and is held against what the log had then.
    let target = index.as_ref().map_or(last, |index| index.applied).min(last);
    let source = snapshots.iter().find(|(_, foot)| foot.end <= target);
    let start = source.map_or(0, |(file, _)| file.start);
    if chain.start(start).is_none() {
        if index.is_some() && !snapshots.is_empty() {
            report.note("the index is behind the snapshot files, and was not compared".to_owned());
        } else {
            report.find(format!("no snapshot file joins on to the log: {}", chain.beginning()), RESTORE);
        }
        return index.map_or(Ok(()), Index::close);
    }
    let truth = scratch.open()?;
    if let Some((file, foot)) = source {
        let mut meter = Meter::begin(told, Work::LoadingSnapshot, foot.rows);
        let mut count = 0;
        read_rows(&**folder.files(), &file.path, file.start, |rows, _| {
            count += rows.len() as u64;
            meter.at(count, count);
            truth.apply(0, &rows.into_iter().map(|(key, value)| (key, Some(value))).collect())
        })?;
    }
    let mut meter = Meter::begin(told, Work::ReadingLog, chain.bytes_from(start));
    chain.walk(start, |frame, read| {
        meter.at(read, frame.last());
        let position = frame.last();
        if position > target {
            return Ok(());
        }
        let rows = frame.transactions.into_iter().flatten().map(|row| (row.key, row.value)).collect();
        truth.apply(position, &rows)
    })?;
    records::check(&truth, visit, report)?;
    let Some(index) = index else { return Ok(()) };
    if index.applied > last {
        let what = format!("the index is at position {}, but the log ends at {last}", index.applied);
        report.find(what, RESTORE);
    } else {
        match compare::tables(&truth, &index.table, told, report) {
            // Told already.
            Err(StorageError::Index(_)) => {}
            other => other?,
        }
    }
    index.close()
}

/// The index of a folder, opened to be read.
struct Index<'a> {
    folder: &'a Folder,
    table: SledTable,
    applied: Position,
    was: State,
}

impl<'a> Index<'a> {
    /// None when the next start would make it anew all the same, or when it does not open.
    fn open(folder: &'a Folder, report: &mut Verified) -> Result<Option<Self>, StorageError> {
        if !folder.index_is_trusted()? {
            report.note("the index is not trusted, and the next start makes it anew: it was not looked at".to_owned());
            return Ok(None);
        }
        let was = folder.state()?;
        // sled writes while it opens: if the machine stops now, the index is not as it was.
        folder.set_running()?;
        let opened = SledStore::new(folder.index()).open().and_then(|table| Ok((table.applied()?, table)));
        match opened {
            Ok((applied, table)) => Ok(Some(Self { folder, table, applied, was })),
            Err(StorageError::Index(error)) => {
                report.find(format!("the index in `{}` cannot be read: {error}", folder.index().display()), REMAKE);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn close(self) -> Result<(), StorageError> {
        let Self { folder, table, was, .. } = self;
        if was == State::Stopped && !table.is_damaged() {
            table.sync()?;
            drop(table);
            folder.set_state(&was)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
