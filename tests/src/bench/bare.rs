//! The floor under the floor: axum that reads JSON and appends it to a group-committed log, and nothing else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::bench::http::{self, Stop};

/// Made full of zeros at the start, and begun anew when it is full: what is measured is the sync of space that is there already.
const LOG_BYTES: u64 = 64 << 20;
const PIECE_BYTES: usize = 1 << 20;

type Entry = (Vec<u8>, oneshot::Sender<()>);

/// Serves until `stop` is ready, with the log in this folder.
pub async fn serve(folder: &Path, listener: TcpListener, stop: Stop) {
    let file = make(&folder.join("bare.log")).unwrap();
    let (queue, entries) = mpsc::unbounded_channel();
    let log = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&file, entries)).unwrap();
    let router = Router::new().fallback_service(post(append).with_state(Arc::new(queue)));
    http::serve(listener, router, stop).await;
    log.join().unwrap();
}

fn make(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let piece = vec![0; PIECE_BYTES];
    for at in (0..LOG_BYTES).step_by(PIECE_BYTES) {
        file.write_all_at(&piece, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Writes what queued while the last batch was synced, with one sync.
fn write(file: &File, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let (mut offset, mut frame) = (0, Vec::new());
    while let Some(first) = entries.blocking_recv() {
        frame.clear();
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some((bytes, answer)) = next {
            frame.extend_from_slice(&bytes);
            waiting.push(answer);
            next = entries.try_recv().ok();
        }
        if offset + frame.len() as u64 > LOG_BYTES {
            offset = 0;
        }
        file.write_all_at(&frame, offset).unwrap();
        file.sync_data().unwrap();
        offset += frame.len() as u64;
        for answer in waiting {
            let _ = answer.send(());
        }
    }
}

async fn append(State(queue): State<Arc<mpsc::UnboundedSender<Entry>>>, body: Bytes) -> Response {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let (answer, answered) = oneshot::channel();
    let sent = queue.send((body.to_vec(), answer));
    if sent.is_err() || answered.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
