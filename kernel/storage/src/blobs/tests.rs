use forecourt_base::{GroupId, StoreId};

use super::*;
use crate::files::read_all;
use crate::files::sim::{Fault, SimFiles};

fn scope(store: Option<&str>) -> Scope {
    let group = GroupId::new("g").unwrap();
    match store {
        Some(store) => Scope::store(group, StoreId::new(store).unwrap()),
        None => Scope::group(group),
    }
}

fn folder() -> &'static Path {
    Path::new("/data/files")
}

fn open(files: &SimFiles) -> Arc<Blobs> {
    Arc::new(Blobs::open(folder(), Arc::new(files.clone()), 1_000).unwrap())
}

fn receive(blobs: &Arc<Blobs>, pieces: &[&[u8]]) -> Result<Received, StorageError> {
    let mut incoming = blobs.receive()?;
    for piece in pieces {
        incoming.write(piece)?;
    }
    incoming.finish()
}

fn bytes(blobs: &Blobs, scope: &Scope, id: BlobId) -> Option<Vec<u8>> {
    blobs.open_blob(scope, id).unwrap().map(|file| read_all(&*file).unwrap())
}

fn left(files: &SimFiles) -> Vec<String> {
    files.list(&folder().join(INCOMING)).unwrap()
}

#[test]
fn a_blob_is_named_by_its_bytes_and_kept_apart_for_every_store() {
    let files = SimFiles::new(1);
    let blobs = open(&files);
    let received = receive(&blobs, &[b"a", b"bc"]).unwrap();
    let id = received.id;
    assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!((received.bytes, received.head.as_slice()), (3, b"abc".as_slice()));
    let (here, there, whole) = (scope(Some("a")), scope(Some("b")), scope(None));
    received.keep(&here).unwrap();
    assert_eq!(bytes(&blobs, &here, id).unwrap(), b"abc");
    assert_eq!((bytes(&blobs, &there, id), bytes(&blobs, &whole, id)), (None, None));
    assert_eq!(blobs.list(&here, 0xBA).unwrap(), [id]);
    assert!(blobs.list(&here, 0xBB).unwrap().is_empty() && blobs.list(&whole, 0xBA).unwrap().is_empty());
    receive(&blobs, &[b"abc"]).unwrap().keep(&whole).unwrap();
    blobs.remove(&here, id).unwrap();
    blobs.remove(&here, id).unwrap();
    assert_eq!((bytes(&blobs, &here, id), bytes(&blobs, &whole, id).unwrap()), (None, b"abc".to_vec()));
    let empty = receive(&blobs, &[]).unwrap();
    let id = empty.id;
    empty.keep(&here).unwrap();
    assert_eq!(bytes(&blobs, &here, id).unwrap(), b"");
    assert!(left(&files).is_empty());
}

#[test]
fn a_damaged_blob_is_mended_by_receiving_it_again() {
    let files = SimFiles::new(2);
    let blobs = open(&files);
    let received = receive(&blobs, &[b"contract"]).unwrap();
    let (here, id) = (scope(Some("a")), received.id);
    received.keep(&here).unwrap();
    files.damage(&blobs.path(&here, id), 3);
    assert_ne!(bytes(&blobs, &here, id).unwrap(), b"contract");
    receive(&blobs, &[b"contract"]).unwrap().keep(&here).unwrap();
    assert_eq!(bytes(&blobs, &here, id).unwrap(), b"contract");
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let files = SimFiles::new(3);
    let blobs = open(&files);
    let mut incoming = blobs.receive().unwrap();
    incoming.write(b"half").unwrap();
    assert_eq!(left(&files).len(), 1);
    drop(incoming);
    assert!(left(&files).is_empty());
    drop(receive(&blobs, &[b"whole, but nobody wants it"]).unwrap());
    assert!(left(&files).is_empty());
    for (change, fault) in [(1, Fault::Error), (2, Fault::Full), (3, Fault::Error), (4, Fault::Error), (5, Fault::Full)]
    {
        files.fail_in(change, fault);
        let kept = receive(&blobs, &[b"ab"]).and_then(|received| received.keep(&scope(Some("a"))));
        assert!(kept.is_err(), "change {change}");
        assert!(left(&files).is_empty(), "change {change}");
    }
}

#[test]
fn a_kill_leaves_what_the_next_start_removes() {
    let files = SimFiles::new(4);
    let blobs = open(&files);
    let mut incoming = blobs.receive().unwrap();
    incoming.write(b"half").unwrap();
    std::mem::forget(incoming);
    assert_eq!(left(&files).len(), 1);
    drop(open(&files));
    assert!(left(&files).is_empty());
}

#[test]
fn a_full_disk_is_told_before_and_while_a_blob_is_received() {
    let files = SimFiles::new(5);
    let blobs = open(&files);
    let mut incoming = blobs.receive().unwrap();
    files.fill(true);
    assert!(matches!(incoming.write(b"a"), Err(StorageError::DiskFull)));
    assert!(matches!(blobs.receive(), Err(StorageError::DiskFull)));
    drop(incoming);
    files.fill(false);
    assert!(receive(&blobs, &[b"a"]).is_ok() && left(&files).is_empty());
}

#[test]
fn a_temporary_folder_goes_with_its_blobs() {
    let blobs = Arc::new(Blobs::temporary().unwrap());
    let folder = blobs.folder.clone();
    receive(&blobs, &[b"a"]).unwrap().keep(&scope(None)).unwrap();
    assert!(folder.exists());
    drop(blobs);
    assert!(!folder.exists());
}
