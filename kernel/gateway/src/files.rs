//! Files of a store or group: uploaded as a stream, downloaded as one.
//!
//! INVARIANT (bounded-requests): an upload has a size, a time, and a time within which something of it must come; of a download something must be taken.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CONNECTION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forecourt_auth::Principal;
use forecourt_base::{GroupId, StoreId, limits};
use forecourt_runtime::{Acting, Download, FileInfo, OpenFile};
use forecourt_storage::{BlobId, StorageError};
use futures::stream;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::App;
use crate::body::plain;
use crate::credentials::Signed;
use crate::operate::PlacePath;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::{Asked, header_value};
use crate::{table, views};

/// A file of a place.
#[derive(Debug, Deserialize)]
pub(crate) struct FilePath {
    group: Option<GroupId>,
    store: Option<StoreId>,
    sha256: String,
}

impl FilePath {
    fn split(self) -> Result<(PlacePath, BlobId), Problem> {
        let Self { group, store, sha256 } = self;
        Ok((PlacePath::new(group, store), id(&sha256)?))
    }
}

/// The file that a path names; what is no hash leads nowhere.
fn id(sha256: &str) -> Result<BlobId, Problem> {
    sha256.to_ascii_lowercase().parse().map_err(|_| Problem::new(&table::UNKNOWN_PATH))
}

/// `POST …/files`: the content's hash is in the answer.
pub(crate) async fn add(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(receive(&app, &asked, &principal, &place, None, &headers, body).await)
}

/// `PUT …/files/{sha256}`: what hashes otherwise is refused.
pub(crate) async fn put(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<FilePath>,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (place, id) = match path.split() {
        Ok(split) => split,
        Err(problem) => return answered(Err(problem)),
    };
    answered(receive(&app, &asked, &principal, &place, Some(id), &headers, body).await)
}

/// A refusal may come before the body was read; the connection then ends with it.
fn answered(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| {
        let mut response = problem.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

async fn receive(
    app: &App,
    asked: &Asked,
    principal: &Arc<Principal>,
    place: &PlacePath,
    expected: Option<BlobId>,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Response, Problem> {
    plain(headers)?;
    let scope = place.scope(app, asked, principal, "upload-file").await?;
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let acting = Acting { principal, request_id: &asked.0.request_id };
    let mut upload = app.kernel().upload(acting, &scope, expected, told).await?;
    let whole = async {
        while let Some(bytes) = next(&mut body).await? {
            upload.write(&bytes).await?;
        }
        Ok::<_, Problem>(())
    };
    match timeout(Duration::from_millis(limits::FILE_UPLOAD_MS), whole).await {
        Ok(read) => read?,
        Err(_) => return Err(too_slow(limits::FILE_UPLOAD_MS)),
    }
    let (info, new) = upload.finish().await?;
    let mut response = views::json(&json!(info));
    if new {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

fn too_slow(waited_ms: u64) -> Problem {
    Problem::new(&table::REQUEST_TIMEOUT).word("seconds", waited_ms / 1_000)
}

/// The next bytes of a body that must keep coming.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        match timeout(Duration::from_millis(limits::REQUEST_READ_MS), body.frame()).await {
            Err(_) => return Err(too_slow(limits::REQUEST_READ_MS)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Problem::new(&table::BROKEN_BODY)),
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// `GET …/files/{sha256}`, whole or one range of it.
pub(crate) async fn get(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<FilePath>,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (place, id) = path.split()?;
    let scope = place.scope(&app, &asked, &principal, "download-file").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let open = app.kernel().open_file(acting, &scope, id).await?;
    let tag = format!("\"{id}\"");
    let same = |name: HeaderName| headers.get(name).map(|value| value.as_bytes() == tag.as_bytes());
    if same(IF_NONE_MATCH) == Some(true) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header_value(&tag))]).into_response());
    }
    let asked_range = headers.get(RANGE).filter(|_| same(IF_RANGE) != Some(false));
    let size = open.info.bytes;
    let part = match asked_range.and_then(|range| range.to_str().ok()).map(|range| part(range, size)) {
        Some(Part::Bytes(from, end)) => Some((from, end)),
        Some(Part::Beyond) => return Err(Problem::new(&table::RANGE_BEYOND).word("bytes", size)),
        Some(Part::Ignored) | None => None,
    };
    let info = open.info.clone();
    let range = part.unwrap_or((0, size));
    let download = begin(&app, acting, &scope, open, range).await?;
    let mut response = Response::new(stream(download));
    describe(response.headers_mut(), &info, &tag);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(range.1 - range.0));
    if let Some((from, end)) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let told = format!("bytes {from}-{}/{size}", end.saturating_sub(1));
        response.headers_mut().insert(CONTENT_RANGE, header_value(&told));
    }
    Ok(response)
}

async fn begin(
    app: &App,
    acting: Acting<'_>,
    scope: &forecourt_base::Scope,
    open: OpenFile,
    range: (u64, u64),
) -> Result<Download, Problem> {
    Ok(app.kernel().download(acting, scope, open, range).await?)
}

/// Pictures and PDF may be shown; anything else, pages and scripts above all, is for saving alone.
fn describe(headers: &mut HeaderMap, info: &FileInfo, tag: &str) {
    const SHOWN: [&str; 5] = ["image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf"];
    let how = if SHOWN.contains(&info.kind.as_str()) { "inline" } else { "attachment" };
    let name: String = info.sha256.chars().take(16).collect();
    headers.insert(CONTENT_TYPE, header_value(&info.kind));
    headers.insert(CONTENT_DISPOSITION, header_value(&format!("{how}; filename=\"{name}\"")));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, header_value(tag));
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// From the first to before the second, which are in the file.
    Bytes(u64, u64),
    /// The file has no such part.
    Beyond,
    /// Not understood, or several: the whole file is the answer.
    Ignored,
}

/// One range of bytes (RFC 9110 §14.1.2) of a file of `size` bytes.
fn part(range: &str, size: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Part::Ignored;
    };
    let (from, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(last)) if first.is_empty() => (size.saturating_sub(last), size),
        _ => return Part::Ignored,
    };
    if from < end { Part::Bytes(from, end) } else { Part::Beyond }
}

/// The bytes of a download, read in a task that gives up when nobody takes them.
fn stream(mut download: Download) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, StorageError>>(1);
    tokio::spawn(async move {
        let stall = Duration::from_millis(limits::FILE_STALL_MS);
        loop {
            let next = match download.next().await {
                Ok(None) => return,
                Ok(Some(bytes)) => Ok(bytes),
                Err(error) => {
                    tracing::error!(%error, "a download was broken off");
                    Err(error)
                }
            };
            let failed = next.is_err();
            if !matches!(timeout(stall, sender.send(next)).await, Ok(Ok(()))) || failed {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|next| (next, receiver))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (range, expected) in [
            ("bytes=0-4", Part::Bytes(0, 5)),
            ("bytes=5-", Part::Bytes(5, 10)),
            ("bytes=5-100", Part::Bytes(5, 10)),
            ("bytes=-3", Part::Bytes(7, 10)),
            ("bytes=-30", Part::Bytes(0, 10)),
            ("bytes=9-9", Part::Bytes(9, 10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=4-2", Part::Ignored),
            ("bytes=0-1,3-4", Part::Ignored),
            ("bytes=-", Part::Ignored),
            ("lines=0-1", Part::Ignored),
            ("bytes=0-18446744073709551615", Part::Bytes(0, 10)),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Beyond);
    }

    #[test]
    fn an_id_is_a_hash() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(id(&sha256.to_uppercase()).unwrap().to_string(), sha256);
        assert_eq!(id("ba78").unwrap_err().kind().name, "unknown-path");
    }
}
