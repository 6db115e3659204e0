use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use forecourt_storage::{LogEngine, LogOptions, Mode, RealFiles, Space, StorageError, Transaction};

use super::*;
use crate::serve;

/// Reads one answer whose body's length is told.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0; 1];
    while !text.ends_with("\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "{text}");
        text.push(char::from(byte[0]));
    }
    let length =
        text.to_lowercase().split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    text + std::str::from_utf8(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_served_and_ended_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let kernel = kernel().await;
    let serving = tokio::spawn(serve(kernel, listener.into(), GatewayOptions::default(), async {
        let _ = stopped.await;
    }));

    let mut idle = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        idle.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let text = answer(&mut idle).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("forecourt_http_connections 1\n"), "{text}");
    }

    // A head beyond the limit is refused before it is whole.
    let mut greedy = TcpStream::connect(address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(64 * 1024));
    let _ = greedy.write_all(head.as_bytes()).await;
    let mut text = Vec::new();
    let _ = greedy.read_to_end(&mut text).await;
    assert!(text.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&text));

    // A request that is refused before its body is read ends its connection, and says so.
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/groups HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";
    stranger.write_all(head.as_bytes()).await.unwrap();
    let text = answer(&mut stranger).await;
    assert!(text.starts_with("HTTP/1.1 401") && text.to_lowercase().contains("connection: close"), "{text}");

    // A request under way at the stop is answered; the connection that waits for none is closed.
    let mut busy = TcpStream::connect(address).await.unwrap();
    let body = r#"{"user": "boss", "password": "correct horse 4S"}"#;
    let head = "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n";
    busy.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
    let mut proceed = [0; 25];
    busy.read_exact(&mut proceed).await.unwrap();
    assert_eq!(&proceed, b"HTTP/1.1 100 Continue\r\n\r\n");
    stop.send(()).unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    busy.write_all(body.as_bytes()).await.unwrap();
    let text = answer(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 201") && text.contains("\"token\""), "{text}");
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_gateway_is_not_ready() {
    let app = crate::app::App::new(kernel().await, GatewayOptions::default());
    let api = Api { kernel: Arc::clone(app.kernel()), router: crate::routes::of_app(app.clone()) };
    assert_eq!(api.get("", "/readyz").await.status, StatusCode::OK);
    app.stop();
    let reply = api.get("", "/readyz").await;
    assert_eq!((reply.status.as_u16(), reply.problem()), (503, "unavailable"));
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(api.get("", "/healthz").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_when_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |disk_reserve_bytes| {
        let options = LogOptions { disk_reserve_bytes, segment_bytes: 1 << 16, ..LogOptions::default() };
        LogEngine::open(folder.path(), Arc::new(RealFiles), options).await.unwrap()
    };
    let storage = open(0).await;
    storage.close().await.unwrap();
    drop(storage);
    // No disk has so much room.
    let storage = open(u64::MAX).await;
    let mut tx = Transaction::begin(&storage, None, Mode::ReadWrite).unwrap();
    tx.put(&Space::new(None, None, "@test", "records", 1).unwrap(), b"key", "value", vec![]).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StorageError::DiskFull)));
    let app = crate::app::App::new(kernel_over(storage).await, GatewayOptions::default());
    let api = Api { kernel: Arc::clone(app.kernel()), router: crate::routes::of_app(app.clone()) };
    let reply = api.get("", "/readyz").await;
    assert_eq!((reply.status, &reply.body), (StatusCode::OK, &json!({ "status": "read-only" })));
}
