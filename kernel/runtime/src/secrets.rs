//! Secrets: what an admin of a group stores for a plugin, which the plugin places in a request's header and never sees.
//!
//! A secret is kept sealed (ChaCha20-Poly1305) under a key that does not lie with the rows: whoever has a backup, a snapshot file or the log has no secret. It is bound to its
//! group, plugin and name, so that a row put in another's place opens nothing.
//!
//! INVARIANT (secret-unseen): an open value is in memory alone, in a type that prints nothing, while it is stored or sent.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use forecourt_auth::{AdminRight, AuthError};
use forecourt_base::{GroupId, PluginName, Random, Scope, Timestamp, UserId, limits};
use forecourt_storage::{Direction, KeyRange, Mode, Space, StorageError, Transaction};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::operate::{Acting, Work};

/// The key under which secrets are kept.
#[derive(Clone)]
pub struct SecretKey(Arc<LessSafeKey>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// The bytes that a key has.
    pub const BYTES: usize = 32;

    /// The key of these bytes; none unless there are [`SecretKey::BYTES`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, bytes).ok().map(|key| Self(Arc::new(LessSafeKey::new(key))))
    }

    /// A new key.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        random.fill(&mut bytes);
        Self::new(&bytes)
    }

    fn seal(&self, value: &[u8], bound: &str, random: &dyn Random) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = value.to_vec();
        let aad = Aad::from(bound.as_bytes());
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
        Some(BASE64.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, sealed: &str, bound: &str) -> Option<Opened> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(bound.as_bytes());
        let open = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut sealed).ok()?;
        String::from_utf8(open.to_vec()).ok().map(Opened)
    }
}

/// An open secret.
pub(crate) struct Opened(String);

impl Opened {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without the secret.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.windows(self.0.len()).any(|window| window == self.0.as_bytes())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    sealed: String,
    at: Timestamp,
    by: UserId,
}

/// What is told of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// When its value was stored, as RFC 3339.
    pub set_at: String,
    /// By whom.
    pub set_by: String,
}

/// A secret was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Its name is none.
    #[error("a secret is named by 1 to 64 of a-z, 0-9, `-`")]
    BadName,
    /// A header cannot hold it.
    #[error("a secret has 8 to {} visible ASCII characters", limits::SECRET_BYTES)]
    BadValue,
    /// The plugin has as many as it may.
    #[error("a plugin has at most {} secrets", limits::PLUGIN_SECRETS)]
    TooMany,
}

/// Shorter ones could be guessed, and hiding them in answers would garble what is none.
const VALUE_BYTES_MIN: usize = 8;

fn space(group: &GroupId, plugin: &PluginName) -> Result<Space, StorageError> {
    Space::new(Some(group), None, "@secrets", plugin.as_str(), 0)
}

fn bound(group: &GroupId, plugin: &PluginName, name: &str) -> String {
    format!("{group}/{plugin}/{name}")
}

/// Opens a plugin's secret for a request that is sent; or why it cannot be.
pub(crate) async fn open(
    kernel: &Kernel,
    group: &GroupId,
    plugin: &PluginName,
    name: &str,
) -> Result<Result<Opened, &'static str>, StorageError> {
    let space = space(group, plugin)?;
    loop {
        let mut transaction = Transaction::begin(kernel.storage(), Some(group.clone()), Mode::ReadOnly)?;
        return match transaction.get_json::<Row>(&space, name.as_bytes()).await {
            Err(error) if error.is_retryable() => continue,
            Err(error) => Err(error),
            Ok(None) => Ok(Err("secret-missing")),
            Ok(Some(row)) => {
                let opened = kernel.outbound().secret_key().open(&row.sealed, &bound(group, plugin, name));
                Ok(opened.ok_or("secret-unreadable"))
            }
        };
    }
}

struct Set<'a> {
    group: &'a GroupId,
    plugin: &'a PluginName,
    name: &'a str,
    value: &'a str,
    user: &'a UserId,
}

/// Names must be those of published plugins, so that a slip is told at once.
async fn check_plugin(
    kernel: &Kernel,
    transaction: &mut Transaction,
    group: &GroupId,
    plugin: &PluginName,
) -> Result<(), KernelError> {
    let plugins = kernel.registry().plugins(transaction, group).await?;
    if plugins.iter().any(|known| known.name == *plugin) {
        return Ok(());
    }
    Err(AuthError::Unknown { what: "plugin", id: plugin.to_string() }.into())
}

impl Work for Set<'_> {
    type Output = bool;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<bool, KernelError> {
        let Self { group, plugin, name, value, user } = *self;
        check_plugin(kernel, transaction, group, plugin).await?;
        let space = space(group, plugin)?;
        let new = transaction.get(&space, name.as_bytes()).await?.is_none();
        if new {
            let known = transaction.scan(&space, &KeyRange::all(), Direction::Forward, limits::PLUGIN_SECRETS).await?;
            if known.items.len() >= limits::PLUGIN_SECRETS {
                return Err(SecretError::TooMany.into());
            }
        }
        let sealed =
            kernel.outbound().secret_key().seal(value.as_bytes(), &bound(group, plugin, name), kernel.random());
        let sealed = sealed.ok_or_else(|| KernelError::Engine("a secret was not sealed".to_owned()))?;
        let row = Row { sealed, at: kernel.clock().now(), by: user.clone() };
        transaction.put_json(&space, name.as_bytes(), &row, Vec::new()).await?;
        Ok(new)
    }

    fn note(&self, _: &bool) -> String {
        format!("{}/{}", self.plugin, self.name)
    }
}

struct Remove<'a> {
    group: &'a GroupId,
    plugin: &'a PluginName,
    name: &'a str,
}

impl Work for Remove<'_> {
    type Output = ();

    async fn run(&self, _: &Kernel, transaction: &mut Transaction) -> Result<(), KernelError> {
        let Self { group, plugin, name } = *self;
        let space = space(group, plugin)?;
        if transaction.get(&space, name.as_bytes()).await?.is_none() {
            return Err(AuthError::Unknown { what: "secret", id: name.to_owned() }.into());
        }
        Ok(transaction.delete(&space, name.as_bytes()).await.map(drop)?)
    }

    fn note(&self, (): &()) -> String {
        format!("{}/{}", self.plugin, self.name)
    }
}

struct List<'a> {
    group: &'a GroupId,
    plugin: &'a PluginName,
}

impl Work for List<'_> {
    type Output = Vec<SecretInfo>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Vec<SecretInfo>, KernelError> {
        check_plugin(kernel, transaction, self.group, self.plugin).await?;
        let space = space(self.group, self.plugin)?;
        let rows = transaction.scan(&space, &KeyRange::all(), Direction::Forward, limits::PAGE_ROWS).await?;
        let info = |row: &forecourt_storage::Row| {
            let Row { at, by, .. } = serde_json::from_slice(&row.value)?;
            let name = String::from_utf8_lossy(&row.key).into_owned();
            Ok::<_, StorageError>(SecretInfo { name, set_at: at.to_rfc3339(), set_by: by.to_string() })
        };
        Ok(rows.items.iter().map(info).collect::<Result<_, _>>()?)
    }
}

fn check_name(name: &str) -> Result<(), SecretError> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(good) && !name.starts_with('-');
    if fits { Ok(()) } else { Err(SecretError::BadName) }
}

impl Kernel {
    /// Stores a plugin's secret, new or over an old one: whether it is new.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to administer, or where the group has no such plugin; `Secret`.
    pub async fn set_secret(
        &self,
        by: Acting<'_>,
        group: &GroupId,
        plugin: &PluginName,
        name: &str,
        value: &str,
    ) -> Result<bool, KernelError> {
        let scope = Scope::group(group.clone());
        check_name(name)?;
        self.looking(by, AdminRight::Administer, &scope, "set-secret", crate::operate::Nothing).await?;
        let visible = value.bytes().all(|b| b.is_ascii_graphic());
        if !visible || !(VALUE_BYTES_MIN..=limits::SECRET_BYTES).contains(&value.len()) {
            return Err(SecretError::BadValue.into());
        }
        let user = &by.principal.user;
        self.acting_with(by, AdminRight::Administer, &scope, "set-secret", Set { group, plugin, name, value, user })
            .await
    }

    /// Removes a plugin's secret. Requests that need it fail from then on.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to administer, or where there is no such secret.
    pub async fn remove_secret(
        &self,
        by: Acting<'_>,
        group: &GroupId,
        plugin: &PluginName,
        name: &str,
    ) -> Result<(), KernelError> {
        let scope = Scope::group(group.clone());
        check_name(name)?;
        self.acting_with(by, AdminRight::Administer, &scope, "remove-secret", Remove { group, plugin, name }).await
    }

    /// The names of a plugin's secrets, with when and by whom they were stored.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to administer, or where the group has no such plugin.
    pub async fn secrets(
        &self,
        by: Acting<'_>,
        group: &GroupId,
        plugin: &PluginName,
    ) -> Result<Vec<SecretInfo>, KernelError> {
        let scope = Scope::group(group.clone());
        self.looking(by, AdminRight::Administer, &scope, "list-secrets", List { group, plugin }).await
    }
}

#[cfg(test)]
mod tests {
    use forecourt_base::OsRandom;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_under_its_key_and_in_its_place_alone() {
        let key = SecretKey::generate(&OsRandom).unwrap();
        let sealed = key.seal(b"dusty-road-42", "g/dms/token", &OsRandom).unwrap();
        assert!(!sealed.contains("dusty") && !BASE64.decode(&sealed).unwrap().windows(5).any(|part| part == b"dusty"));
        assert_eq!(key.open(&sealed, "g/dms/token").unwrap().as_str(), "dusty-road-42");
        assert!(key.open(&sealed, "g/dms/other").is_none());
        assert!(SecretKey::generate(&OsRandom).unwrap().open(&sealed, "g/dms/token").is_none());
        assert_ne!(key.seal(b"dusty-road-42", "g/dms/token", &OsRandom).unwrap(), sealed);
        let mut damaged = BASE64.decode(&sealed).unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(key.open(&BASE64.encode(damaged), "g/dms/token").is_none());
        assert!(key.open("", "g/dms/token").is_none() && key.open("!", "g/dms/token").is_none());
    }

    #[test]
    fn an_open_secret_is_hidden_in_what_comes_back() {
        let key = SecretKey::generate(&OsRandom).unwrap();
        let opened = key.open(&key.seal(b"dusty-road-42", "p", &OsRandom).unwrap(), "p").unwrap();
        assert_eq!(opened.hide_in("you sent Bearer dusty-road-42"), "you sent Bearer ***");
        assert!(opened.is_in(b"\xFFdusty-road-42") && !opened.is_in(b"dusty"));
    }
}
