use std::fs;

use forecourt_base::{GroupId, Scope, StoreId};

use super::*;
use crate::Blobs;
use crate::files::failing::FailingFiles;
use crate::files::{RealFiles, read_all};
use crate::fixture::{contents, fill, open, options, put};
use crate::opening::Told;

const LAYOUT: Layout<'static> = Layout { storage: "storage", beside: &["demo.json", "other.json"] };

fn real() -> Arc<dyn Files> {
    Arc::new(RealFiles)
}

fn make(data: &Path, target: &Path) -> Result<BackedUp, StorageError> {
    backup(data, LAYOUT, target, &real(), options())
}

fn bring_back(source: &Path, data: &Path, force: bool) -> Result<Restored, StorageError> {
    restore(source, data, LAYOUT, force, &real(), &Told::nobody())
}

const CONTRACT: &[u8] = b"%PDF-1.7 contract";

fn scope() -> Scope {
    Scope::store(GroupId::new("g").unwrap(), StoreId::new("bj01").unwrap())
}

fn blobs(data: &Path) -> Arc<Blobs> {
    Arc::new(Blobs::open(&data.join("storage").join(Layout::BLOBS), real(), 0).unwrap())
}

/// The bytes of the blob that lies in the data folder.
fn contract(data: &Path) -> Vec<u8> {
    let blobs = blobs(data);
    let id = (0..=u8::MAX).find_map(|first| blobs.list(&scope(), first).unwrap().pop()).unwrap();
    read_all(&*blobs.open_blob(&scope(), id).unwrap().unwrap()).unwrap()
}

/// A data folder with a file beside its storage, and a backup of it.
struct Test {
    folder: tempfile::TempDir,
}

impl Test {
    async fn new(commits: usize) -> Self {
        let test = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(test.data()).unwrap();
        fs::write(test.data().join("demo.json"), "{}").unwrap();
        fs::create_dir(test.data().join("cache")).unwrap();
        fill(&test.data().join("storage"), commits).await;
        let mut incoming = blobs(&test.data()).receive().unwrap();
        incoming.write(CONTRACT).unwrap();
        incoming.finish().unwrap().keep(&scope()).unwrap();
        test
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }
}

#[tokio::test]
async fn a_backup_brings_everything_back() {
    for commits in [0, 3, 150] {
        let test = Test::new(commits).await;
        let made = make(&test.data(), &test.backup()).unwrap();
        assert_eq!(made.position, commits as u64);
        let names = RealFiles.list(&test.backup()).unwrap();
        assert_eq!(names, ["demo.json", "manifest.json", "storage"], "no cache and no index");
        let other = test.folder.path().join("other");
        let restored = bring_back(&test.backup(), &other, false).unwrap();
        assert_eq!((restored.position, restored.files, restored.old), (commits as u64, made.files, None));
        assert_eq!(fs::read_to_string(other.join("demo.json")).unwrap(), "{}");
        let (old, new) = (open(&test.data().join("storage")).await, open(&other.join("storage")).await);
        assert_eq!(contents(&new).await, contents(&old).await);
        put(&new, "key", "goes on").await;
        assert_eq!(contract(&other), CONTRACT);
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_refused() {
    let test = Test::new(3).await;
    let engine = open(&test.data().join("storage")).await;
    assert!(matches!(make(&test.data(), &test.backup()), Err(StorageError::InUse { .. })));
    assert!(!test.backup().exists(), "nothing was begun");
    engine.close().await.unwrap();
    drop(engine);
    make(&test.data(), &test.backup()).unwrap();
    assert!(matches!(make(&test.data(), &test.backup()), Err(StorageError::NotEmpty { .. })));
    let nothing = test.folder.path().join("nothing");
    assert!(matches!(make(&nothing, &test.folder.path().join("b")), Err(StorageError::NotADataFolder { .. })));
    assert!(matches!(bring_back(&test.backup(), &test.data(), false), Err(StorageError::NotEmpty { .. })));
    let engine = open(&test.data().join("storage")).await;
    assert!(matches!(bring_back(&test.backup(), &test.data(), true), Err(StorageError::InUse { .. })));
    drop(engine);
}

#[tokio::test]
async fn the_storage_that_was_there_is_moved_aside() {
    let test = Test::new(3).await;
    make(&test.data(), &test.backup()).unwrap();
    for round in 1..3 {
        let engine = open(&test.data().join("storage")).await;
        put(&engine, "later", "value").await;
        let later = contents(&engine).await;
        drop(engine);
        let restored = bring_back(&test.backup(), &test.data(), true).unwrap();
        let old = restored.old.unwrap();
        assert!(old.ends_with(format!("storage.before-restore-{round}")), "{}", old.display());
        assert_eq!(contents(&open(&old).await).await, later);
        let engine = open(&test.data().join("storage")).await;
        assert_eq!((contents(&engine).await.len(), engine.stable_position()), (3, 3));
    }
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_refused_before_anything_changes() {
    let test = Test::new(120).await;
    make(&test.data(), &test.backup()).unwrap();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(test.backup().join("manifest.json")).unwrap()).unwrap();
    let data = test.folder.path().join("other");
    for file in manifest["files"].as_array().unwrap() {
        let path = test.backup().join(file["path"].as_str().unwrap());
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        let cut = &whole[..whole.len() - 1];
        for (bytes, words) in [(&*changed, "is damaged: its checksum"), (cut, "bytes, not the")] {
            fs::write(&path, bytes).unwrap();
            let error = bring_back(&test.backup(), &data, false).unwrap_err();
            assert!(matches!(error, StorageError::BadBackup { .. }) && error.to_string().contains(words), "{error}");
            assert!(!data.join("storage").exists());
        }
        fs::remove_file(&path).unwrap();
        assert!(bring_back(&test.backup(), &data, false).is_err());
        fs::write(&path, whole).unwrap();
    }
    let text = fs::read_to_string(test.backup().join("manifest.json")).unwrap();
    for (text, words) in [
        (text.replace("storage/format", "../storage/format"), "lies outside of it"),
        (text.replace("\"format\": 1", "\"format\": 2"), "it has format 2"),
        (text.replace("\"position\": 120", "\"position\": 121"), "its log ends at position 120, not at 121"),
        ("{".to_owned(), "`manifest.json` cannot be read"),
    ] {
        fs::write(test.backup().join("manifest.json"), text).unwrap();
        let error = bring_back(&test.backup(), &data, false).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    fs::remove_file(test.backup().join("manifest.json")).unwrap();
    let error = bring_back(&test.backup(), &data, false).unwrap_err();
    assert!(error.to_string().contains("was not finished"), "{error}");
}

#[tokio::test]
async fn a_backup_that_is_interrupted_is_none_and_harms_nothing() {
    let test = Test::new(20).await;
    let before = contents(&open(&test.data().join("storage")).await).await;
    for change in 0.. {
        let files = FailingFiles::at(change);
        let target = test.folder.path().join(format!("backup{change}"));
        let made = backup(&test.data(), LAYOUT, &target, &(Arc::new(files.clone()) as Arc<dyn Files>), options());
        if !files.failed() {
            made.unwrap();
            break;
        }
        assert!(made.is_err(), "change {change}");
        let data = test.folder.path().join("none");
        // The last thing that is done is to sync the folder: the manifest may be there and whole.
        if let Err(error) = bring_back(&target, &data, false) {
            assert!(error.to_string().contains("was not finished"), "change {change}: {error}");
        }
        let _ = fs::remove_dir_all(data);
    }
    assert_eq!(contents(&open(&test.data().join("storage")).await).await, before);
}

#[tokio::test]
async fn a_restore_that_is_interrupted_leaves_the_old_or_the_new() {
    let test = Test::new(20).await;
    make(&test.data(), &test.backup()).unwrap();
    let storage = test.data().join("storage");
    let engine = open(&storage).await;
    let restored = contents(&engine).await;
    put(&engine, "later", "value").await;
    let current = contents(&engine).await;
    engine.close().await.unwrap();
    drop(engine);
    let (mut old, mut new) = (0, 0);
    for change in 0.. {
        let files = FailingFiles::at(change);
        let shared: Arc<dyn Files> = Arc::new(files.clone());
        let done = restore(&test.backup(), &test.data(), LAYOUT, true, &shared, &Told::nobody());
        assert_eq!(done.is_err(), files.failed(), "change {change}");
        let engine = open(&storage).await;
        let found = contents(&engine).await;
        match found {
            found if found == current => old += 1,
            found if found == restored => {
                new += 1;
                put(&engine, "later", "value").await;
            }
            _ => panic!("change {change}: something between"),
        }
        engine.close().await.unwrap();
        drop(engine);
        if done.is_ok() {
            break;
        }
    }
    assert!(old > 10 && new > 1, "{old} {new}");
}
