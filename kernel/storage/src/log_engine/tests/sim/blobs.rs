//! INVARIANT (whole-blobs): a run that receives blobs, commits rows that name them, and removes some again; the power is lost at every change of the disk that
//! it makes. Whatever row is left names a blob that has all of its bytes.

use std::str::FromStr;

use forecourt_base::{GroupId, Random, Scope, SeededRandom};

use super::*;
use crate::blobs::{BlobId, Blobs};
use crate::envelope::{Envelope, Payload};
use crate::files::read_all;

const BLOBS: u8 = 40;
const LOSSES: u64 = 8;

fn scope() -> Scope {
    Scope::group(GroupId::new("g").unwrap())
}

fn open(files: &SimFiles) -> Arc<Blobs> {
    Arc::new(Blobs::open(&data().join("files"), Arc::new(files.clone()), 0).unwrap())
}

/// The blob that the record `key` names.
fn named(rig: &Rig, key: u8) -> Option<BlobId> {
    let row = rig.shared.table.get(&space().record(&[key]).unwrap()).unwrap()?;
    match envelope::decode(&row).unwrap() {
        Envelope { payload: Payload::Inline(value), .. } => {
            Some(BlobId::from_str(std::str::from_utf8(&value).unwrap()).unwrap())
        }
        Envelope { .. } => panic!("a short value lies in its row"),
    }
}

/// How many rows there are after a loss of power, each of which names a whole blob.
fn after_loss(files: &SimFiles) -> usize {
    let rig = Rig::open(files, SimTable::garbage()).unwrap();
    let blobs = open(files);
    assert!(files.list(&data().join("files/incoming")).unwrap().is_empty());
    let ids: Vec<BlobId> = (0..BLOBS).filter_map(|key| named(&rig, key)).collect();
    for id in &ids {
        let file = blobs.open_blob(&scope(), *id).unwrap().unwrap_or_else(|| panic!("blob {id} is missing"));
        let bytes = read_all(&*file).unwrap();
        let mut again = blobs.receive().unwrap();
        again.write(&bytes).unwrap();
        assert_eq!(again.finish().unwrap().id, *id, "a torn blob");
    }
    ids.len()
}

#[test]
fn no_loss_of_power_leaves_a_row_that_names_a_missing_or_torn_blob() {
    let random = SeededRandom::new(seed());
    let files = SimFiles::new(random.next_u64());
    let mut rig = Rig::open(&files, SimTable::default()).unwrap();
    let blobs = open(&files);
    files.record();
    let (mut rows, mut seen) = (0, 0);
    for key in 0..BLOBS {
        let mut incoming = blobs.receive().unwrap();
        for _ in 0..random.next_u64() % 4 {
            let piece: Vec<u8> = (0..random.next_u64() % 3_000).map(|_| random.next_u64() as u8).collect();
            incoming.write(&piece).unwrap();
        }
        incoming.write(&[key]).unwrap();
        let received = incoming.finish().unwrap();
        let id = received.id;
        received.keep(&scope()).unwrap();
        assert!(rig.commit(&[vec![(key, Some(id.to_string()))]]).iter().all(Result::is_ok));
        if random.next_u64().is_multiple_of(4) {
            let gone = (random.next_u64() % u64::from(key + 1)) as u8;
            let unwanted = named(&rig, gone);
            assert!(rig.commit(&[vec![(gone, None)]]).iter().all(Result::is_ok));
            if let Some(unwanted) = unwanted {
                blobs.remove(&scope(), unwanted).unwrap();
            }
        }
        for image in files.images() {
            for chance in 0..LOSSES {
                let image = image.fork(random.next_u64() ^ chance);
                image.restart(Ends::PowerLost);
                rows += after_loss(&image);
                seen += 1;
            }
        }
    }
    assert!(seen > 1_000 && rows > seen, "{seen} losses, {rows} rows");
}
