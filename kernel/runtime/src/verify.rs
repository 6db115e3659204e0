//! Whether what is stored is what its types, its plugins and its readers take it for: every record of every plugin, every audit row, every event.
//!
//! Storage verifies its own bytes; here they are read with their meaning. Nothing is repaired. Each page is read in a transaction of its own, so a kernel
//! that runs is not held up.

use std::sync::Arc;

use forecourt_auth::audit::{self, AuditFilter};
use forecourt_auth::chain::{Head, trail_name};
use forecourt_auth::{Auth, AuthError, PageRequest};
use forecourt_base::{Clock, GroupId, Random, Scope, StoreId, Timestamp, limits};
use forecourt_bus::BusError;
use forecourt_registry::{PluginInfo, Registry, RegistryError};
use forecourt_schema::{Collection, CollectionScope, PluginSchema};
use forecourt_storage::{Blobs, Bytes, Direction, Engine, KeyRange, Mode, Row, Rows, Space, StorageError, Transaction};
use thiserror::Error;

mod files;

use crate::record::{self, Invalid, Read};

/// Something stored that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The collection as `group/store/owner/collection`, or the name of a trail.
    pub place: String,
    /// The record's key; empty where the finding is of the place as a whole.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What was read, and what was found wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records of plugins.
    pub records: u64,
    /// Rows of the audit trails, those of stores counted apart.
    pub audit_rows: u64,
    /// Audit rows that are sealed and whole.
    pub sealed_rows: u64,
    /// Events of all scopes.
    pub events: u64,
    /// Files, every byte of them read.
    pub files: u64,
    /// What is unusual and no damage.
    pub notes: Vec<String>,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Reading did not get to its end.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// Users, groups or stores could not be read.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Plugins could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store below failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads all that is stored.
pub struct Verifier {
    storage: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    auth: Auth,
    registry: Registry,
    heads: Vec<Head>,
    files: Option<Arc<Blobs>>,
    verified: Verified,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("verified", &self.verified).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of what `storage` has.
    ///
    /// # Errors
    /// [`VerifyError::Auth`].
    pub fn new(storage: Arc<dyn Engine>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, VerifyError> {
        let auth = Auth::new(Arc::clone(&storage), Arc::clone(&clock), random)?;
        Ok(Self {
            storage,
            clock,
            auth,
            registry: Registry::new(),
            heads: Vec::new(),
            files: None,
            verified: Verified::default(),
        })
    }

    /// Compares the chains of the audit trails with these heads besides, which somebody kept elsewhere.
    #[must_use]
    pub fn against(self, heads: Vec<Head>) -> Self {
        Self { heads, ..self }
    }

    /// The same, that reads the files too.
    #[must_use]
    pub fn with_files(self, files: Arc<Blobs>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Reads everything. `progress` is told after each collection what was read so far.
    ///
    /// # Errors
    /// [`VerifyError`] when what must be known to read the rest can't be read itself.
    pub async fn run(mut self, progress: &(dyn Fn(&Verified) + Sync)) -> Result<Verified, VerifyError> {
        self.audit(None).await;
        self.chain(None).await;
        for group in self.auth.group_ids().await? {
            let stores = self.auth.store_ids(&group).await?;
            let scopes: Vec<Scope> = std::iter::once(Scope::group(group.clone()))
                .chain(stores.iter().map(|store| Scope::store(group.clone(), store.clone())))
                .collect();
            for scope in &scopes {
                self.audit(Some(scope)).await;
                self.events(scope).await;
                self.files(scope).await;
                progress(&self.verified);
            }
            self.chain(Some(&group)).await;
            let plugins =
                self.read(RegistryError::is_retryable, async |tx| self.registry.plugins(tx, &group).await).await?;
            for plugin in plugins {
                let schemas = self.schemas(&group, &plugin).await;
                self.plugin(&group, &stores, &plugin, &schemas, progress).await?;
            }
        }
        Ok(self.verified)
    }

    fn find(&mut self, place: String, key: &[u8], problem: String) {
        self.verified.findings.push(Finding { place, key: String::from_utf8_lossy(key).into_owned(), problem });
    }

    /// Reads in a transaction of its own, again where it reached too far back.
    async fn read<T, E: From<StorageError>>(
        &self,
        again: fn(&E) -> bool,
        read: impl AsyncFn(&mut Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let mut transaction = Transaction::begin(&self.storage, None, Mode::ReadOnly)?;
            match read(&mut transaction).await {
                Err(error) if again(&error) => {}
                other => return other,
            }
        }
    }

    async fn audit(&mut self, scope: Option<&Scope>) {
        let mut request = PageRequest { after: None, limit: Some(limits::PAGE_ROWS) };
        let filter = AuditFilter::default();
        loop {
            let page =
                self.read(AuthError::is_retryable, async |tx| audit::page(tx, scope, &filter, &request).await).await;
            match page {
                Ok(page) => {
                    self.verified.audit_rows += page.items.len() as u64;
                    request.after = page.next;
                }
                Err(error) => {
                    let of = scope.map_or_else(|| "the deployment".to_owned(), Scope::to_string);
                    return self.find(format!("audit trail of {of}"), b"", error.to_string());
                }
            }
            if request.after.is_none() {
                return;
            }
        }
    }

    /// The seals of a trail, and its lines by them.
    async fn chain(&mut self, group: Option<&GroupId>) {
        let (trail, place) = (trail_name(group), format!("audit trail of {}", trail_name(group)));
        let known = self.heads.iter().find(|head| head.trail == trail).cloned();
        let check = match self.auth.check_chain(group, known).await {
            Ok(check) => check,
            Err(error) => return self.find(place, b"", error.to_string()),
        };
        self.verified.sealed_rows += check.lines();
        for flaw in check.flaws() {
            self.find(
                place.clone(),
                flaw.line.as_deref().unwrap_or_default().as_bytes(),
                flaw.bilingual().en.into_owned(),
            );
        }
        if check.more() > 0 {
            self.find(place, b"", format!("{} more lines are not as they were sealed", check.more()));
        }
    }

    async fn events(&mut self, scope: &Scope) {
        let mut after = None;
        loop {
            let retryable = |error: &BusError| matches!(error, BusError::Storage(error) if error.is_retryable());
            let page = self
                .read(retryable, async |tx| {
                    forecourt_bus::page(tx, scope, &[], after.as_deref(), limits::PAGE_ROWS).await
                })
                .await;
            match page {
                Ok(page) => {
                    self.verified.events += page.items.len() as u64;
                    after = page.next;
                }
                Err(error) => return self.find(format!("events of {scope}"), b"", error.to_string()),
            }
            if after.is_none() {
                return;
            }
        }
    }

    /// What each published version of a plugin declares, the newest first.
    async fn schemas(&mut self, group: &GroupId, plugin: &PluginInfo) -> Vec<Arc<PluginSchema>> {
        let mut schemas = Vec::new();
        for version in plugin.versions.iter().rev() {
            let schema = self
                .read(RegistryError::is_retryable, async |tx| self.registry.schema(tx, &version.sha256).await)
                .await;
            match schema {
                Ok(schema) => schemas.push(schema),
                Err(error) => {
                    self.find(format!("plugin {}@{} of {group}", plugin.name, version.version), b"", error.to_string());
                }
            }
        }
        schemas
    }

    async fn plugin(
        &mut self,
        group: &GroupId,
        stores: &[StoreId],
        plugin: &PluginInfo,
        schemas: &[Arc<PluginSchema>],
        progress: &(dyn Fn(&Verified) + Sync),
    ) -> Result<(), VerifyError> {
        let mut names: Vec<(&str, CollectionScope)> = Vec::new();
        for declared in schemas.iter().flat_map(|schema| &schema.collections) {
            if !names.contains(&(&*declared.name, declared.scope)) {
                names.push((&declared.name, declared.scope));
            }
        }
        for (name, scope) in names {
            let same = |declared: &&Collection| *declared.name == *name && declared.scope == scope;
            let declared: Vec<&Collection> =
                schemas.iter().filter_map(|schema| schema.collections.iter().find(same)).collect();
            let owners: Vec<Option<&StoreId>> = match scope {
                CollectionScope::Group => vec![None],
                CollectionScope::Store => stores.iter().map(Some).collect(),
            };
            for store in owners {
                let space = Space::new(Some(group), store, plugin.name.as_str(), name, 0)?;
                self.collection(&space, &declared).await;
                progress(&self.verified);
            }
        }
        Ok(())
    }

    async fn collection(&mut self, space: &Space, declared: &[&Collection]) {
        let mut range = KeyRange::all();
        loop {
            let now = self.clock.now();
            let read = self.read(StorageError::is_retryable, async |tx| page(tx, space, &range, declared, now).await);
            match read.await {
                Ok((rows, problems)) => {
                    self.verified.records += rows.items.len() as u64;
                    for (key, problem) in problems {
                        self.find(place(space), &key, problem);
                    }
                    match rows.items.last() {
                        Some(last) if rows.more => range = range.after(&last.key),
                        _ => return,
                    }
                }
                Err(error) => return self.find(place(space), b"", error.to_string()),
            }
        }
    }
}

fn place(space: &Space) -> String {
    let (group, store) = (space.group().unwrap_or("-"), space.store().unwrap_or("-"));
    format!("{group}/{store}/{}/{}", space.owner(), space.collection())
}

/// A page of records, and the problems of those that have one.
async fn page(
    transaction: &mut Transaction,
    space: &Space,
    range: &KeyRange,
    declared: &[&Collection],
    now: Timestamp,
) -> Result<(Rows, Vec<(Bytes, String)>), StorageError> {
    let rows = transaction.scan(space, range, Direction::Forward, limits::PAGE_ROWS).await?;
    let mut problems = Vec::new();
    for row in &rows.items {
        if let Some(problem) = problem(transaction, space, declared, row, now).await? {
            problems.push((row.key.clone(), problem));
        }
    }
    Ok((rows, problems))
}

/// What is wrong with a record: it must be one of some published version, and found as that version declares.
async fn problem(
    transaction: &mut Transaction,
    space: &Space,
    declared: &[&Collection],
    row: &Row,
    now: Timestamp,
) -> Result<Option<String>, StorageError> {
    let mut first = None;
    for declared in declared {
        let problem = match record::read(declared, &row.value, now) {
            Err(Invalid { pointer, rule }) => format!("`{pointer}` {rule}"),
            Ok(Read { entries, .. }) if !transaction.is_indexed_as(space, &row.key, &entries).await? => {
                "its index entries are not those of its value".to_owned()
            }
            Ok(Read { files, .. }) => match files::missing(transaction, space, &row.key, &files).await? {
                Some(problem) => problem,
                None => return Ok(None),
            },
        };
        first.get_or_insert(problem);
    }
    Ok(first)
}
