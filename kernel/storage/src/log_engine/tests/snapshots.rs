//! The threads of a real engine: snapshot files are made and the log trimmed while commits go on, and a process that is killed while it opens harms nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::fixture;
use crate::{Told, Work};

fn options() -> LogOptions {
    LogOptions { snapshot_log_bytes: 30_000, prepare_ahead: true, ..fixture::options() }
}

fn names(path: &Path, folder: &str) -> Vec<String> {
    RealFiles.list(&path.join(folder)).unwrap()
}

/// Commits until the log was trimmed twice. The records then.
async fn busy(path: &Path) -> Vec<(Bytes, Bytes)> {
    let engine = LogEngine::open(path, Arc::new(RealFiles), options()).await.unwrap();
    let mut firsts = std::collections::BTreeSet::new();
    for n in 0..20_000 {
        put(&engine, &format!("key{}", n % 50), &format!("{n}{}", "x".repeat(n % 700))).await.unwrap();
        firsts.insert(names(path, "log").into_iter().find(|name| name.ends_with(".log")));
        if firsts.len() > 4 {
            break;
        }
    }
    assert!(firsts.len() > 4, "the log is trimmed while commits go on: {firsts:?}");
    let found = fixture::contents(&engine).await;
    engine.close().await.unwrap();
    found
}

#[tokio::test]
async fn the_log_is_trimmed_while_commits_go_on_and_what_is_left_makes_the_index_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let found = busy(path).await;
    let snapshots = names(path, "snapshots").into_iter().filter(|name| name.ends_with(".snap")).count();
    assert_eq!(snapshots, 2);
    // What lies between the older snapshot file's start and the end, some segments, and one made ahead.
    assert!(names(path, "log").len() < 60, "{:?}", names(path, "log"));
    let report = crate::verify(path, Arc::new(RealFiles), &Told::nobody(), &mut |_| {}).unwrap();
    assert!(report.is_whole() && report.compared == 100, "{report:?}");
    std::fs::remove_dir_all(path.join("index")).unwrap();
    std::fs::remove_file(path.join("state")).unwrap();
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let told = Told::by(move |opening| hear.lock().unwrap().push((opening.work, opening.percent)));
    let options = LogOptions { told, ..options() };
    let engine = LogEngine::open(path, Arc::new(RealFiles), options).await.unwrap();
    assert_eq!(fixture::contents(&engine).await, found);
    assert_eq!(*heard.lock().unwrap(), [(Work::LoadingSnapshot, 100)], "what took no second is told at its end");
}

/// The folder that a child process of this test opens, again and again; without it the test is the parent.
const FOLDER: &str = "FORECOURT_TEST_OPEN";

#[tokio::test]
async fn a_process_that_is_killed_while_it_opens_leaves_a_folder_that_opens() {
    if let Ok(path) = std::env::var(FOLDER) {
        let path = Path::new(&path);
        loop {
            drop(LogEngine::open(path, Arc::new(RealFiles), options()).await.unwrap());
            // Every other time the index is made anew.
            let _ = std::fs::remove_file(path.join("state"));
            println!("opened");
            drop(LogEngine::open(path, Arc::new(RealFiles), options()).await.unwrap());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let found = busy(folder.path()).await;
    let random = SeededRandom::new(11);
    let own = std::env::current_exe().unwrap();
    for round in 0..12 {
        let name = "log_engine::tests::snapshots::a_process_that_is_killed_while_it_opens_leaves_a_folder_that_opens";
        let mut child = Command::new(&own)
            .args(["--exact", name, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It is killed after some turns, wherever it then is; the time from the line to the kill is chance enough.
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let turns = forecourt_base::Random::next_u64(&random) as usize % 3 + 1;
        let seen = lines.map_while(Result::ok).filter(|line| line.contains("opened")).take(turns).count();
        let spin = forecourt_base::Random::next_u64(&random) % 3_000_000;
        std::hint::black_box((0..spin).fold(0_u64, |sum, n| std::hint::black_box(sum ^ n)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, turns, "round {round}: the child opens the folder");
        let engine = LogEngine::open(folder.path(), Arc::new(RealFiles), options()).await.unwrap();
        assert_eq!(fixture::contents(&engine).await, found, "round {round}");
        if round % 2 == 0 {
            engine.close().await.unwrap();
        }
    }
}
