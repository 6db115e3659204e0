//! PostgreSQL behind axum, where it is installed: what the same rows cost on the database that a team would take by default.
//!
//! A server of its own on a data folder of its own, reached by a Unix socket, with every commit synced, and at the isolation it has by
//! default, read committed: at serializable it runs most commands several times, for their keys lie on the same pages of its indexes. One function a command writes the
//! record, its index entry, the event, the audit's line and the kept answer. Values are not checked, and nobody's rights are.

mod wire;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::bench::http::{self, Stop};
use wire::Connection;

const CONNECTIONS: usize = 64;
/// What it logs once it can be asked.
const READY: &str = "database system is ready to accept connections";
const SOCKET: &str = ".s.PGSQL.5432";

/// Where Debian and its like put the programs; the newest of several.
#[must_use]
pub fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}

/// Connections that are free, and leave to take one.
#[derive(Debug)]
struct Pool {
    room: Semaphore,
    free: Mutex<Vec<Connection>>,
}

/// Serves until `stop` is ready, by a PostgreSQL of its own in this folder.
pub async fn serve(folder: &Path, listener: TcpListener, stop: Stop) {
    let bin = installed().expect("PostgreSQL is installed");
    let mut database = start(&bin, folder);
    let pool = Arc::new(connect(folder).await);
    http::serve(listener, Router::new().fallback_service(post(command).with_state(pool)), stop).await;
    kill_process(Pid::from_child(&database), Signal::INT).unwrap();
    database.wait().unwrap();
}

/// PostgreSQL does not run as root, so root runs it as `postgres`; it ends when this process does.
fn as_postgres(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"]).arg(program);
    command
}

fn start(bin: &Path, folder: &Path) -> Child {
    if rustix::process::getuid().is_root() {
        assert!(Command::new("chown").arg("postgres").arg(folder).status().unwrap().success());
    }
    let data = folder.join("pg");
    let mut init = as_postgres(&bin.join("initdb"));
    init.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-D"]).arg(&data).current_dir(folder);
    assert!(init.stdout(Stdio::null()).status().unwrap().success());
    let mut server = as_postgres(&bin.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(folder).current_dir(folder);
    for setting in ["listen_addresses=", "max_connections=100", "fsync=on"] {
        server.args(["-c", setting]);
    }
    let mut server = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(READY) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "PostgreSQL did not start");
    }
    // Read on, so that it never waits for room to write.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
    server
}

async fn connect(folder: &Path) -> Pool {
    let socket = folder.join(SOCKET);
    let mut first = Connection::open(&socket).await.unwrap();
    first.run(include_str!("schema.sql")).await.unwrap();
    let mut free = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(&socket).await.unwrap();
        connection.prepare("select put_card($1, $2::text, ($2::text)::json->'change')").await.unwrap();
        free.push(connection);
    }
    Pool { room: Semaphore::new(CONNECTIONS), free: Mutex::new(free) }
}

async fn command(State(pool): State<Arc<Pool>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    if serde_json::from_str::<Value>(text).is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Ok(_permit) = pool.room.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let Some(mut connection) = pool.free.lock().unwrap().pop() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let answer = match connection.execute(&[key, text]).await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    pool.free.lock().unwrap().push(connection);
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_has_one_effect_for_one_key() {
        // Where it is not installed the benches say "not compared", and there is nothing to test.
        let Some(bin) = installed() else { return };
        let folder = tempfile::tempdir().unwrap();
        let mut database = start(&bin, folder.path());
        let pool = connect(folder.path()).await;
        let mut connection = pool.free.lock().unwrap().pop().unwrap();
        let body = r#"{"change":{"id":"c1","title":"更换机油","bay":"b","price":5}}"#;
        for (key, version) in [("k1", 1), ("k2", 2), ("k1", 1)] {
            let answer = connection.execute(&[key, body]).await.unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!((&answer["version"], &answer["by"]), (&version.into(), &"advisor".into()), "{answer}");
        }
        let error = connection.execute(&["k3", "{"]).await.unwrap_err().to_string();
        assert!(error.contains("22P02"), "{error}");
        drop((connection, pool));
        kill_process(Pid::from_child(&database), Signal::INT).unwrap();
        database.wait().unwrap();
    }
}
