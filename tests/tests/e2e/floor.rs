//! The floors of the benches answer as the kernel does, and the native one leaves the kernel's very rows: else the benches would compare what is not alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use forecourt_storage::{Bytes, Direction, Engine, LogEngine, LogOptions, RealFiles, RowRange};
use forecourt_tests::bench::load::{self, Until};
use forecourt_tests::bench::native::Native;
use forecourt_tests::bench::requests::{Kind, STORE};
use forecourt_tests::bench::stage::Stage;
use forecourt_tests::bench::{bare, http, native};
use forecourt_tests::{Client, Folder, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Runs a server of this process while `ask` asks it at this address.
fn beside<F: Future<Output = ()>>(
    server: impl FnOnce(TcpListener, http::Stop) -> F + Send + 'static,
    ask: impl FnOnce(&str),
) {
    let (tell, told) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = http::listen().await;
            tell.send(listener.local_addr().unwrap()).unwrap();
            let stop = async move {
                let _ = stopped.await;
            };
            server(listener, Box::pin(stop)).await;
        });
    });
    ask(&format!("http://{}", told.blocking_recv().unwrap()));
    drop(stop);
    running.join().unwrap();
}

/// Every kind of request with ids of its own: new and old records, an index entry that moves, a kept answer. What was answered.
fn drive(client: &Client) -> Vec<Value> {
    let change = |bay: &str| json!({ "id": "c1", "title": "更换机油", "bay": bay, "price": 12_800 });
    let put = |bay| json!({ "change": change(bay) });
    let asked = [
        (Kind::Command, put("bay-1")),
        (Kind::Command, put("bay-2")),
        (Kind::Nested, json!({ "visit": "v1", "change": change("bay-3") })),
        (Kind::Read, json!({ "card": "c1" })),
    ];
    let answers = asked.iter().enumerate().map(|(number, (kind, arguments))| {
        let client =
            client.header("x-request-id", format!("r{number}")).header("idempotency-key", format!("k{number}"));
        let answer = client.call(STORE, kind.operation(), arguments).ok();
        assert_eq!(client.call(STORE, kind.operation(), arguments).ok(), answer, "the first answer was kept");
        answer
    });
    answers.collect()
}

/// What the kernel writes in the background, which is no part of a command: collections within the keys of rows.
const BACKGROUND: [&[u8]; 2] = [b"seals", b"last-used"];

/// All rows of a data folder that nothing runs on. Times are left out of values.
fn rows(folder: &Folder) -> BTreeMap<Bytes, (Vec<u8>, Value)> {
    let path = PathBuf::from(folder.data()).join("storage");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(async {
        let engine: Arc<dyn Engine> = LogEngine::open(&path, Arc::new(RealFiles), LogOptions::default()).await.unwrap();
        let all = RowRange { from: Bytes::from_static(&[1]), to: Bytes::from_static(&[2]) };
        let rows = engine.range(&engine.snapshot().unwrap(), &all, Direction::Forward, usize::MAX).await.unwrap();
        engine.close().await.unwrap();
        rows
    });
    let within = |key: &Bytes, name: &[u8]| key.windows(name.len()).any(|part| part == name);
    let background = |key: &Bytes| BACKGROUND.iter().any(|name| within(key, name));
    let rows = rows.value.into_iter().filter(|(key, _)| !background(key));
    rows.map(|(key, value)| (key, without_times(&value))).collect()
}

/// What precedes a value's JSON, and the JSON.
fn without_times(value: &[u8]) -> (Vec<u8>, Value) {
    let json_at = value.iter().position(|byte| *byte == b'{').unwrap_or(value.len());
    match serde_json::from_slice::<Value>(&value[json_at..]) {
        Ok(mut json) => {
            json.as_object_mut().unwrap().shift_remove("at");
            (value[..json_at].to_vec(), json)
        }
        Err(_) => (value.to_vec(), Value::Null),
    }
}

#[test]
fn the_native_floor_leaves_the_rows_that_the_kernel_leaves() {
    let stage = Stage::make();
    let (before, by_hand) = (stage.folder.copy(), stage.folder.copy());
    let kernel = Server::start(&stage.folder, &[]);
    let answers = drive(&kernel.client().with_token(&stage.token));
    assert!(kernel.stop().success());
    let data = PathBuf::from(by_hand.data());
    let server = async move |listener, stop| native::serve(Native::open(&data).await, listener, stop).await;
    beside(server, |url| {
        assert_eq!(drive(&Client::new(url).with_token(&stage.token)), answers);
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let round = load::run(address, 1, Until::Answers(3), &Kind::Read.with_body(r#"{"card":"c1"}"#, &stage.token));
        assert_eq!(round.latencies_ns.len(), 3);
    });
    let (before, kernel, by_hand) = (rows(&before), rows(&stage.folder), rows(&by_hand));
    let new = kernel.iter().filter(|(key, _)| !before.contains_key(*key)).count();
    // Record, index entry and visit; for each of three commands an event, an answer, and a line in the audit of store and group.
    assert_eq!(new, 3 + 3 * 4);
    assert_eq!(by_hand, kernel);
}

#[test]
fn the_bare_floor_answers_what_it_was_sent() {
    let folder = Folder::new();
    let data = PathBuf::from(folder.data());
    beside(
        async move |listener, stop| bare::serve(&data, listener, stop).await,
        |url| {
            let address = url.strip_prefix("http://").unwrap().parse().unwrap();
            let round = load::run(address, 4, Until::Answers(5), &Kind::Command.requests("nobody"));
            assert_eq!(round.latencies_ns.len(), 20);
            let sent = json!({ "a": [1, "字"] });
            assert_eq!(Client::new(url).call(STORE, Kind::Command.operation(), &sent).ok(), sent);
        },
    );
    let log = std::fs::read(PathBuf::from(folder.data()).join("bare.log")).unwrap();
    let found = String::from_utf8_lossy(&log[..4_096]).matches("card-0").count();
    assert_eq!(found, 20, "each is in the log");
}
