//! What lies on the disk changes behind the engine's back: it is noticed, told, and where there is a second way back, made good.

use super::*;
use crate::snapshot;

/// Commits and makes two snapshot files, so that the log is trimmed. The rows at the end.
fn filled(files: &SimFiles) -> (Position, RowMap) {
    let mut rig = Rig::open(files, SimTable::default()).unwrap();
    for mark in 0_u8..40 {
        let value = format!("{mark}{}", "x".repeat(300));
        assert!(rig.commit(&[vec![(mark % 16, Some(value))]])[0].is_ok());
        if matches!(mark, 17 | 33) {
            rig.snapshot(|_| {}).unwrap();
        }
    }
    assert!(files.open(&crate::log::segment::path(&data().join("log"), 0)).is_err(), "the log is trimmed");
    (rig.position(), rig.rows().map)
}

fn snapshots(files: &SimFiles) -> Vec<snapshot::SnapshotFile> {
    snapshot::list(files, &data().join("snapshots")).unwrap()
}

/// Opens after a loss of power. What is found, or the words of the refusal.
fn open(files: &SimFiles) -> Result<(Position, RowMap), String> {
    files.restart(Ends::PowerLost);
    let rig = Rig::open(files, SimTable::garbage()).map_err(|error| error.to_string())?;
    Ok((rig.position(), rig.rows().map))
}

#[test]
fn a_damaged_snapshot_file_is_set_aside_and_the_one_before_is_used() {
    let files = SimFiles::new(1);
    let expected = filled(&files);
    let newest = snapshots(&files)[0].clone();
    let size = files.bytes(&newest.path).len();
    for at in 0..size {
        let files = files.fork(at as u64);
        files.damage(&newest.path, at);
        assert_eq!(open(&files).as_ref(), Ok(&expected), "byte {at} of {size}");
        // Between the head's checksum and the first block nothing lies, so every byte matters.
        assert_eq!(snapshots(&files).len(), 1, "byte {at} of {size}");
        assert_eq!(open(&files).as_ref(), Ok(&expected), "byte {at} of {size}, again");
    }
}

#[test]
fn without_a_snapshot_file_that_joins_on_to_the_log_it_is_said_what_is_missing() {
    let files = SimFiles::new(2);
    filled(&files);
    for file in snapshots(&files) {
        files.damage(&file.path, 100);
    }
    let refusal = open(&files).unwrap_err();
    for part in [
        "no snapshot file joins on to the log",
        "block 0 at byte 32 is damaged",
        "the log begins at position",
        "restore a backup",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }
    // It stays so: nothing was made of what is left.
    assert!(open(&files).unwrap_err().contains("restore a backup"));
}

#[test]
fn a_log_that_ends_before_a_snapshot_file_does_is_refused_and_left_as_it_is() {
    let files = SimFiles::new(3);
    let mut rig = Rig::open(&files, SimTable::default()).unwrap();
    for mark in 0_u8..3 {
        rig.commit(&[vec![(mark, Some("value".to_owned()))]]);
    }
    rig.snapshot(|_| {}).unwrap();
    drop(rig);
    let segment = crate::log::segment::path(&data().join("log"), 0);
    let bytes = files.bytes(&segment);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    files.damage(&segment, end - 1);
    let damaged = files.bytes(&segment);
    for _ in 0..2 {
        let refusal = open(&files).unwrap_err();
        assert!(refusal.contains("the log ends at position 2, but a snapshot file is at 3"), "{refusal}");
        assert_eq!(files.bytes(&segment), damaged, "nothing is cut");
    }
}

#[test]
fn missing_segments_are_named_where_they_are_needed() {
    let files = SimFiles::new(4);
    let expected = filled(&files);
    let log = data().join("log");
    let names = files.list(&log).unwrap();
    let last = names.len() - 1;
    assert!(last >= 3, "{names:?}");
    let without = |gone: &[String]| {
        let files = files.fork(1);
        gone.iter().for_each(|name| files.remove(&log.join(name)).unwrap());
        files.sync_dir(&log).unwrap();
        open(&files)
    };
    assert!(without(&names[..1]) == Ok(expected), "the newest snapshot file begins behind it");
    for (gone, words) in [
        (&names[1..2], "is missing"),
        (&names[..last], "no snapshot file joins on to the log"),
        (&names[..], "the log in `/data/log` is gone"),
    ] {
        let refusal = without(gone).map(|found| found.0).unwrap_err();
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[test]
fn a_full_disk_makes_the_engine_read_only_and_room_makes_it_whole_again() {
    let files = SimFiles::new(5);
    let mut rig = Rig::open(&files, SimTable::default()).unwrap();
    let write = || vec![(1_u8, Some("value".repeat(200)))];
    assert!(rig.commit(&[write()])[0].is_ok());
    assert_eq!(rig.condition.health(), crate::Health::Ok);
    files.fill(true);
    let (mut taken, mut refused) = (0, 0);
    while refused < 3 {
        match rig.commit(&[write()]).remove(0) {
            Ok(_) => taken += 1,
            Err(StorageError::DiskFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(taken < 10, "the segments that are there hold no more");
    }
    let crate::Health::ReadOnly { reason } = rig.condition.health() else { panic!("{:?}", rig.condition.health()) };
    assert!(reason.contains("`/data/log`") && reason.contains("free some space"), "{reason}");
    assert!(matches!(rig.keeper.make(|| true), Err(StorageError::DiskFull)), "nor is a snapshot file made");
    files.fill(false);
    assert_eq!(rig.condition.health(), crate::Health::Ok, "without a commit, too");
    assert!(rig.commit(&[write()])[0].is_ok());
}
