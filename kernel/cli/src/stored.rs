//! `verify`, `backup` and `restore`: what is done with a data folder on which no kernel runs.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use forecourt_auth::chain::Head;
use forecourt_base::{OsRandom, SystemClock};
use forecourt_runtime::Verifier;
use forecourt_storage::{Files, LogOptions, RealFiles, backup, restore, verify};

use crate::arguments::{BackupArguments, RestoreArguments, VerifyArguments};
use crate::failure::{Exit, Failure};
use crate::logging;
use crate::output::Progress;
use crate::serve::{DataFolder, make_private};

fn files() -> Arc<dyn Files> {
    Arc::new(RealFiles)
}

pub(crate) fn run_verify(arguments: &VerifyArguments, out: &mut dyn Write) -> Result<(), Failure> {
    logging::begin("warn", None)?;
    look_through(arguments, out)
}

fn look_through(arguments: &VerifyArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let progress = Progress::new();
    let data = arguments.data.display();
    let folder = DataFolder::new(&arguments.data);
    folder.check_begun()?;
    let step = progress.begin(format!("verifying the data folder {data}"));
    let storage = folder.storage();
    let report = verify(&storage, files(), &progress.told(), &mut |_| {})?;
    step.done();
    writeln!(out, "log: {} segments, {} frames, last position {}", report.segments, report.frames, report.position)?;
    writeln!(out, "snapshot files: {} whole, {} rows", report.snapshots, report.snapshot_rows)?;
    let (records, entries, chunks) = (report.records, report.entries, report.chunks);
    writeln!(out, "rows: {records} records, {entries} index entries, {chunks} chunks")?;
    writeln!(out, "index: {} rows as in the log", report.compared)?;
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for finding in &report.findings {
        writeln!(out, "wrong: {finding}")?;
    }
    let mut count = report.findings.len() as u64 + report.findings_more;
    if report.is_whole() {
        count = verify_meaning(arguments, progress, out)?;
    }
    if count == 0 {
        writeln!(out, "{data} is whole")?;
        return Ok(());
    }
    Err(Failure::new(Exit::Data, format!("`{data}` is not whole, findings: {count}; nothing was repaired")))
}

/// Reads what is stored with its meaning: records by their plugins' types, audit rows, events. How many findings there are. Storage is opened for it as at
/// a start, so an index that was behind catches up.
fn verify_meaning(arguments: &VerifyArguments, progress: Progress, out: &mut dyn Write) -> Result<u64, Failure> {
    let heads = arguments.head.iter().map(|path| heads(path)).collect::<Result<Vec<_>, _>>()?.concat();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let verified = runtime.block_on(async {
        let engine = DataFolder::new(&arguments.data).open(progress).await?;
        let step = progress.begin("reading records, audit rows, events and files");
        let blobs = Arc::new(DataFolder::new(&arguments.data).blobs()?);
        let verifier = Verifier::new(Arc::clone(&engine), Arc::new(SystemClock), Arc::new(OsRandom));
        let verifier = verifier.map_err(anyhow::Error::from)?.against(heads).with_files(blobs);
        let verified = verifier.run(&|_| {}).await.map_err(anyhow::Error::from)?;
        step.done();
        engine.close().await?;
        Ok::<_, Failure>(verified)
    })?;
    let (records, audit_rows, events) = (verified.records, verified.audit_rows, verified.events);
    let files = verified.files;
    writeln!(out, "content: {records} records of plugins, {audit_rows} audit rows, {events} events, {files} files")?;
    writeln!(out, "audit trails: {} lines as they were sealed", verified.sealed_rows)?;
    for note in &verified.notes {
        writeln!(out, "note: {note}")?;
    }
    for finding in &verified.findings {
        writeln!(out, "wrong: {} `{}`: {}", finding.place, finding.key, finding.problem)?;
    }
    Ok(verified.findings.len() as u64)
}

/// The heads of a file: one JSON object each, as `forecourt audit head` prints them.
fn heads(path: &Path) -> Result<Vec<Head>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` was not read: {error}", path.display())))?;
    let heads: Result<Vec<Head>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    heads.map_err(|error| Failure::usage(format!("`{}` holds no heads of audit trails: {error}", path.display())))
}

pub(crate) fn run_backup(arguments: &BackupArguments, out: &mut dyn Write) -> Result<(), Failure> {
    logging::begin("warn", None)?;
    back_up(arguments, out)
}

fn back_up(arguments: &BackupArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let progress = Progress::new();
    let target = arguments.target.display();
    DataFolder::new(&arguments.data).check_begun()?;
    let step = progress.begin(format!("backing up {} to {target}", arguments.data.display()));
    make_private(&arguments.target)?;
    let options = LogOptions { told: progress.told(), ..LogOptions::default() };
    let made = backup(&arguments.data, DataFolder::LAYOUT, &arguments.target, &files(), options)?;
    step.done();
    let (position, count, mib) = (made.position, made.files, made.bytes.div_ceil(1 << 20));
    writeln!(out, "{target} holds everything up to position {position}: {count} files, {mib} MiB")?;
    Ok(())
}

pub(crate) fn run_restore(arguments: &RestoreArguments, out: &mut dyn Write) -> Result<(), Failure> {
    logging::begin("warn", None)?;
    bring_back(arguments, out)
}

fn bring_back(arguments: &RestoreArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let progress = Progress::new();
    let (source, data) = (arguments.source.display(), arguments.data.display());
    let step = progress.begin(format!("restoring {source} into {data}"));
    if arguments.source.join("manifest.json").exists() {
        make_private(&arguments.data)?;
    }
    let (layout, told) = (DataFolder::LAYOUT, progress.told());
    let restored = restore(&arguments.source, &arguments.data, layout, arguments.force, &files(), &told)?;
    step.done();
    writeln!(out, "{data} holds everything up to position {}; the next start makes its index", restored.position)?;
    if let Some(old) = restored.old {
        writeln!(out, "what was there before lies in {}: remove it when you no longer want it", old.display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Runs `command` and gives what it printed, or how it failed.
    fn said<A>(command: fn(&A, &mut dyn Write) -> Result<(), Failure>, arguments: &A) -> Result<String, Failure> {
        let mut out = Vec::new();
        command(arguments, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    fn begin(data: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            DataFolder::new(data).open(Progress::new()).await.unwrap().close().await.unwrap();
        });
    }

    fn mode(path: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
    }

    #[test]
    fn a_folder_is_verified_backed_up_and_restored() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        begin(&path("data"));
        let whole = said(look_through, &VerifyArguments { data: path("data"), head: Vec::new() }).unwrap();
        assert!(whole.ends_with("data is whole\n"), "{whole}");
        let made = BackupArguments { target: path("backup"), data: path("data") };
        let text = said(back_up, &made).unwrap();
        assert!(text.contains("holds everything up to position 0: "), "{text}");
        assert_eq!((mode(&path("backup")), mode(&path("data"))), (0o700, 0o700), "personal data are nobody else's");
        let again = said(back_up, &made).unwrap_err();
        assert!(again.exit() == Exit::Data && again.to_string().contains("is not empty"), "{again}");
        let mut back = RestoreArguments { source: path("backup"), data: path("data"), force: false };
        let refused = said(bring_back, &back).unwrap_err();
        assert!(refused.exit() == Exit::Data && refused.to_string().contains("is not empty"), "{refused}");
        back.force = true;
        let text = said(bring_back, &back).unwrap();
        assert!(text.contains("storage.before-restore-1"), "{text}");
        begin(&path("data"));
    }

    #[test]
    fn what_is_wrong_is_listed_and_is_no_success() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        begin(&data);
        let segment = data.join("storage/log/0000000000000000.log");
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let mut out = Vec::new();
        let failure = look_through(&VerifyArguments { data: data.clone(), head: Vec::new() }, &mut out).unwrap_err();
        assert_eq!(
            (failure.exit(), failure.to_string().ends_with("findings: 1; nothing was repaired")),
            (Exit::Data, true)
        );
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("wrong: the head of log segment 0 is damaged: restore a backup"), "{text}");
        let none = folder.path().join("none");
        let nothing =
            look_through(&VerifyArguments { data: none.clone(), head: Vec::new() }, &mut Vec::new()).unwrap_err();
        assert!(nothing.to_string().starts_with("nothing was ever stored in `"), "{nothing}");
        let (source, target) = (folder.path().join("no-backup"), folder.path().join("target"));
        let made = BackupArguments { target: target.clone(), data: none.clone() };
        assert_eq!(said(back_up, &made).unwrap_err().exit(), Exit::Data);
        let restored = said(bring_back, &RestoreArguments { source, data: none.clone(), force: false }).unwrap_err();
        assert!(restored.to_string().contains("has no `manifest.json`"), "{restored}");
        assert!(!none.exists() && !target.exists(), "what was refused leaves no folders");
    }
}
