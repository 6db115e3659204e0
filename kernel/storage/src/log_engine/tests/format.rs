//! A folder as the first version left it, and a damaged twin: later versions open the one and refuse the other.
//!
//! `FORECOURT_MAKE_FIXTURE=1` makes both anew, which a change of the format needs: then the old ones stay beside the new.

use std::path::Path;

use super::*;
use crate::fixture::{contents, fill, options, snapshot};

const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/format-1");
const DAMAGED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/format-1-damaged");

/// Where the twin differs: in the second frame of its first segment.
const DAMAGE: (&str, usize) = ("log/0000000000000000.log", 260);

async fn make() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 6).await;
    snapshot(folder.path());
    fill(folder.path(), 12).await;
    // The index is not of the format: it is made from the rest.
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    for name in ["state", "lock"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    super::crash::copy(folder.path(), Path::new(WHOLE));
    let (name, at) = DAMAGE;
    let path = folder.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let _ = std::fs::remove_dir_all(folder.path().join("snapshots"));
    super::crash::copy(folder.path(), Path::new(DAMAGED));
}

#[tokio::test]
async fn the_first_format_is_opened_and_its_damaged_twin_refused() {
    if std::env::var("FORECOURT_MAKE_FIXTURE").is_ok() {
        make().await;
    }
    for with_log_alone in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        super::crash::copy(Path::new(WHOLE), folder.path());
        if with_log_alone {
            std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
        }
        let engine = LogEngine::open(folder.path(), Arc::new(RealFiles), options()).await.unwrap();
        assert_eq!(engine.stable_position(), 18);
        let found = contents(&engine).await;
        assert_eq!(found.len(), 12);
        for (key, value) in found {
            let number: usize = std::str::from_utf8(&key[3..]).unwrap().parse().unwrap();
            let expected = if number == 7 { "large".repeat(8_000) } else { format!("value {number}") };
            assert_eq!(value, expected, "{key:?}");
        }
        put(&engine, "another", "value").await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    super::crash::copy(Path::new(DAMAGED), folder.path());
    let refused = LogEngine::open(folder.path(), Arc::new(RealFiles), options()).await.unwrap_err();
    assert!(refused.to_string().contains("log segment 0 lacks position 2, though later ones follow"), "{refused}");
}
