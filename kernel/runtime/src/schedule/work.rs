//! Looks at timers and cron lines when they are due, each in a transaction of its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use forecourt_base::{GroupId, Scope, Timestamp, limits, uuid_v7};
use forecourt_bus::cron::{self, Cron, CronTurn};
use forecourt_bus::timers::{self, Fired};
use forecourt_storage::{Attempts, Mode, StorageError, Transaction};
use futures::StreamExt as _;
use tokio::time::Instant;

use super::{Item, lines};
use crate::error::KernelError;
use crate::kernel::Kernel;

/// The pause between two looks at the timers of one scope, so that a plugin whose timers set one another at once keeps nobody else waiting.
const PAUSE_MS: i64 = 50;
/// The pause after a look that failed.
const RETRY_MS: i64 = 5_000;
/// A step back of the clock by more than this is a jump; by less, it is adjusted.
const JUMP_MS: i64 = 500;

impl Kernel {
    /// Turns timers and cron lines into events when they are due, until the kernel is gone.
    pub fn schedule_on(self: &Arc<Self>) {
        tokio::spawn(run(Arc::downgrade(self)));
    }

    /// Looks at all that is due now, and says when the next is. [`Kernel::schedule_on`] does so by itself.
    pub(crate) async fn look(&self) -> Option<Timestamp> {
        let now = self.clock().now();
        let due = self.schedule().take_due(now);
        let look = |item: Item| async move { self.look_at(item, now).await };
        futures::stream::iter(due).for_each_concurrent(limits::SCHEDULE_AT_ONCE, look).await;
        self.schedule().first()
    }

    async fn look_at(&self, item: Item, now: Timestamp) {
        let next = match &item {
            Item::Timers(scope) => {
                self.fire(scope, now).await.map_err(KernelError::from).map(|fired| match fired.more {
                    true => Some(now),
                    false => fired.next.map(|next| next.max(now.plus_millis(PAUSE_MS))),
                })
            }
            Item::Cron(scope, ..) => self.turn(scope, &item, now).await.map(|turn| turn.and_then(|turn| turn.next)),
        };
        match next {
            Ok(next) => next.into_iter().for_each(|next| self.schedule().sooner(item.clone(), next)),
            Err(error) => {
                tracing::warn!(scope = %item.scope(), %error, "timers were not looked at");
                self.schedule().sooner(item, now.plus_millis(RETRY_MS));
            }
        }
    }

    async fn fire(&self, scope: &Scope, now: Timestamp) -> Result<Fired, StorageError> {
        let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let fired = timers::fire(&mut transaction, scope, now).await;
            if let Some(fired) = attempts.end(transaction, fired).await? {
                if fired.count > 0 {
                    self.dispatcher().published(vec![(scope.clone(), timers::TIMER_TOPIC.to_owned())]);
                }
                return Ok(fired);
            }
        }
    }

    /// Runs a line where it is due; none where it is not enabled any more.
    async fn turn(&self, scope: &Scope, item: &Item, now: Timestamp) -> Result<Option<CronTurn>, KernelError> {
        let request_id = uuid_v7(now, self.numbers());
        let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let turned = self.turn_in(&mut transaction, item, now, &request_id).await;
            if let Some(turned) = attempts.end(transaction, turned).await? {
                if let (Some(CronTurn { ran: Some(planned), .. }), Item::Cron(scope, plugin, line)) = (&turned, item) {
                    tracing::info!(%scope, %plugin, line, %planned, request_id, "a cron line is due");
                    self.dispatcher().published(vec![(scope.clone(), cron::CRON_TOPIC.to_owned())]);
                }
                return Ok(turned);
            }
        }
    }

    async fn turn_in(
        &self,
        transaction: &mut Transaction,
        item: &Item,
        now: Timestamp,
        request_id: &str,
    ) -> Result<Option<CronTurn>, KernelError> {
        let Item::Cron(scope, plugin, name) = item else { return Ok(None) };
        let generation = self.registry().generation(transaction, &scope.group).await?;
        let line = lines::find(&generation, scope, plugin, name).and_then(|line| line.cron_line());
        let Some(line) = line else { return Ok(None) };
        let policy = self.auth().policy(transaction, &scope.group).await?;
        let zone = lines::zone(&policy, scope.store.as_ref()).map_err(KernelError::Engine)?;
        let cron = Cron { plugin: plugin.clone(), name: name.clone(), line, zone };
        Ok(Some(cron::turn(transaction, scope, &cron, now, request_id).await?))
    }

    /// To be told after a group's stores or modules have changed; what nobody tells of is seen within [`limits::SCHEDULE_REFRESH_S`].
    pub async fn layout_changed(&self, group: &GroupId) {
        if let Err(error) = self.refresh_schedule(group).await {
            tracing::warn!(%group, %error, "cron lines were not looked up");
        }
    }

    /// Takes note of which stores a group has and which plugins serve there.
    pub(crate) async fn refresh_schedule(&self, group: &GroupId) -> Result<(), KernelError> {
        let lines = loop {
            let mut transaction = Transaction::begin(self.storage(), Some(group.clone()), Mode::ReadOnly)?;
            let generation = self.registry().generation(&mut transaction, group).await;
            let policy = self.auth().policy(&mut transaction, group).await;
            if !transaction.conflicted() {
                break lines::of_group(group, policy?.stores().map(|store| &store.id), &*generation?);
            }
            tokio::task::yield_now().await;
        };
        for scope in self.schedule().set_lines(group, lines, self.clock().now()) {
            self.forget_lines(&scope).await?;
        }
        Ok(())
    }

    /// Forgets the runs of lines that are not enabled any more.
    async fn forget_lines(&self, scope: &Scope) -> Result<(), StorageError> {
        let mut attempts = Attempts::new(self.storage(), Some(&scope.group), self.random());
        loop {
            let mut transaction = attempts.begin().await?;
            let keep = |plugin: &str, name: &str| self.schedule().has_line(scope, plugin, name);
            let forgotten = cron::forget_others(&mut transaction, scope, keep).await;
            if attempts.end(transaction, forgotten).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Begins with all that is stored: the timers of every scope, and the lines that are enabled.
    pub(crate) async fn begin_schedule(&self) -> Result<(), KernelError> {
        let now = self.clock().now();
        for group in self.auth().group_ids().await? {
            self.refresh_schedule(&group).await?;
            let stores = self.auth().store_ids(&group).await?;
            let scopes = stores.into_iter().map(|store| Scope::store(group.clone(), store));
            for scope in scopes.chain([Scope::group(group.clone())]) {
                self.forget_lines(&scope).await?;
                self.schedule().sooner(Item::Timers(scope), now);
            }
        }
        Ok(())
    }
}

async fn run(kernel: Weak<Kernel>) {
    let mut begun = false;
    let mut refreshed = Instant::now();
    let mut before = None;
    loop {
        let Some(kernel) = kernel.upgrade().filter(|kernel| !kernel.schedule().is_stopped()) else { return };
        if !begun {
            begun = kernel
                .begin_schedule()
                .await
                .inspect_err(|error| tracing::error!(%error, "timers did not begin"))
                .is_ok();
        }
        let now = kernel.clock().now();
        if before.is_some_and(|before: Timestamp| before > now.plus_millis(JUMP_MS)) {
            tracing::warn!(%now, "the clock was set back");
            kernel.schedule().look_at_lines(now);
        }
        before = Some(now);
        let first = kernel.look().await;
        if refreshed.elapsed() >= Duration::from_secs(limits::SCHEDULE_REFRESH_S) {
            refreshed = Instant::now();
            refresh(&kernel).await;
        }
        let ahead = first.map(|first| first.as_millis().saturating_sub(kernel.clock().now().as_millis()));
        let ahead_ms = ahead.map_or(limits::SCHEDULE_TICK_MS, |ms| u64::try_from(ms).unwrap_or(0));
        let wait = Duration::from_millis(ahead_ms.min(limits::SCHEDULE_TICK_MS));
        let _ = tokio::time::timeout(wait, kernel.schedule().moved()).await;
    }
}

async fn refresh(kernel: &Kernel) {
    let refreshed = async {
        for group in kernel.auth().group_ids().await? {
            kernel.refresh_schedule(&group).await?;
        }
        Ok::<(), KernelError>(())
    };
    if let Err(error) = refreshed.await {
        tracing::warn!(%error, "cron lines were not looked up");
    }
}
