use forecourt_bus::outbound::Outlets;

use super::*;

fn settings(data: &Path) -> Settings {
    Settings {
        data: Some(data.to_owned()),
        listen: ([127, 0, 0, 1], 0).into(),
        demo: false,
        public_metrics: false,
        metrics_listen: None,
        otlp: None,
        secure: false,
        origins: Vec::new(),
        file_quota_bytes: 1 << 30,
        outlets: Outlets::default(),
        log: "info".to_owned(),
        log_format: None,
    }
}

#[tokio::test]
async fn an_empty_folder_says_what_to_do_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let failure = start(&settings(&data), &mut Vec::new()).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Data);
    let text = failure.to_string();
    assert!(text.contains(&format!("forecourt init --data {} --group GROUP --admin USER", data.display())), "{text}");
    assert!(!data.exists());
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen_there = Settings { listen: taken.local_addr().unwrap(), ..settings(Path::new("/nowhere")) };
    let failure = listen(listen_there.listen).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Address);
    assert!(failure.to_string().contains("another program listens there"), "{failure}");
}

async fn refused(path: &Path) -> String {
    let failure = DataFolder::new(path).open(Progress::new()).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Data);
    failure.to_string()
}

#[tokio::test]
async fn a_folder_that_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path());
    let engine = data.open(Progress::new()).await.unwrap();
    assert!(data.has_begun());
    assert!(refused(folder.path()).await.contains("in use by another kernel"));
    engine.close().await.unwrap();
    drop(engine);

    let format = folder.path().join("storage").join("format");
    let known = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, known.replace('1', "99")).unwrap();
    assert!(refused(folder.path()).await.contains("storage format 99"));

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let text = refused(&file.join("data")).await;
    assert!(text.contains("cannot be made or written"), "{text}");
}

#[tokio::test]
async fn a_memory_kernel_needs_no_folder() {
    let kernel = kernel(
        MemoryEngine::new(),
        None,
        (FilesOptions::temporary().unwrap(), OutboundOptions::default()),
        Progress::new(),
    )
    .await
    .unwrap();
    assert!(!kernel.auth().is_bootstrapped().await.unwrap());
    assert!(own_program().unwrap().exists());
}
