//! The rows of outbound requests, in each store and group.

use bytes::Bytes;
use forecourt_base::{PluginName, Scope, Timestamp, limits};
use forecourt_storage::{Direction, KeyRange, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is to be sent, for the first time or again.
    Queued,
    /// What came of it is known, and the plugin is to be told.
    Answered,
    /// It failed for good and the plugin was told; kept for people.
    Failed,
    /// The plugin did not take what came of it; kept for people.
    Undelivered,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Queued, Self::Answered, Self::Failed, Self::Undelivered].into_iter().find(|state| state.name() == name)
    }

    /// Whether the kernel has something to do with it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Answered)
    }
}

/// A header whose value the kernel puts in when it sends: `prefix`, then the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHeader {
    /// The header's name.
    pub header: String,
    /// The secret's name.
    pub secret: String,
    /// What stands before it, such as `Bearer `.
    pub prefix: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The HTTP status; none where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer's headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body in base64 where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Why it failed, a stable code; none where there is an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When that was known.
    pub at: Timestamp,
}

/// An outbound request as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The plugin that asked for it.
    pub plugin: PluginName,
    /// The principal of the call.
    pub by: String,
    /// The request that began the call.
    pub request_id: String,
    /// The start of the call.
    pub at: Timestamp,
    /// Handlers between a person's call and this request.
    #[serde(default)]
    pub hops: u32,
    /// The plugin's own name for it, given back with the answer.
    pub key: String,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// Headers with secrets, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretHeader>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Where it stands.
    pub state: State,
    /// How often it was sent, or tried to be.
    pub attempts: u32,
    /// How often the plugin was told in vain.
    #[serde(default)]
    pub deliveries: u32,
    /// When it is next to be dealt with.
    pub next_at: Timestamp,
    /// Why the last attempt failed, a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

fn space(scope: &Scope) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), "@outbox", "requests", 0)
}

/// Writes a request in its state.
///
/// # Errors
/// [`StorageError`] when the transaction can't take it.
pub async fn put(tx: &mut Transaction, scope: &Scope, id: &str, outgoing: &Outgoing) -> Result<(), StorageError> {
    tx.put_json(&space(scope)?, id.as_bytes(), outgoing, Vec::new()).await
}

/// A request.
///
/// # Errors
/// [`StorageError`].
pub async fn get(tx: &mut Transaction, scope: &Scope, id: &str) -> Result<Option<Outgoing>, StorageError> {
    if id.is_empty() || id.len() > limits::RECORD_KEY_BYTES {
        return Ok(None);
    }
    tx.get_json(&space(scope)?, id.as_bytes()).await
}

/// Removes a request.
///
/// # Errors
/// [`StorageError`].
pub async fn remove(tx: &mut Transaction, scope: &Scope, id: &str) -> Result<(), StorageError> {
    tx.delete(&space(scope)?, id.as_bytes()).await.map(drop)
}

/// Requests with their ids.
pub type Requests = Vec<(String, Outgoing)>;

/// Requests in the order in which they were asked for, those behind the id `after`, at most [`limits::PAGE_ROWS`], and the id behind which the next page begins.
///
/// # Errors
/// [`StorageError`].
pub async fn page(
    tx: &mut Transaction,
    scope: &Scope,
    after: Option<&str>,
) -> Result<(Requests, Option<String>), StorageError> {
    let range = after.map_or_else(KeyRange::all, |after| KeyRange::all().after(after.as_bytes()));
    let rows = tx.scan(&space(scope)?, &range, Direction::Forward, limits::PAGE_ROWS).await?;
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let next = rows.items.last().filter(|_| rows.more).map(|row| text(&row.key));
    let read = rows.items.iter().map(|row| Ok((text(&row.key), serde_json::from_slice(&row.value)?)));
    Ok((read.collect::<Result<_, StorageError>>()?, next))
}
