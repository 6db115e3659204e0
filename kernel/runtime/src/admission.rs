//! Who may begin: root calls of people and operators' actions have permits of their own, so that neither starves the other, and one
//! plugin in one store has at most so many calls at once.
//!
//! INVARIANT (no-permit-while-waiting): a root call that waits for a place of its plugin's holds no permit of the kernel's, so that the
//! queue before one plugin takes nothing from others. Permits are taken at the root alone: a nested call never waits for one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use forecourt_base::{PluginName, Scope, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::KernelError;
use crate::error::CallError;

/// A plugin in one store, or in a group as a whole: what all its root calls there share.
#[derive(Debug)]
pub(crate) struct Tenant {
    places: Arc<Semaphore>,
    /// For the one of its calls that keeps the group's commits out: else as many as there are would do so one after another.
    alone: Arc<Semaphore>,
    /// Linear memory of its call trees.
    memory_bytes: AtomicUsize,
}

impl Default for Tenant {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(limits::STORE_PLUGIN_CALLS));
        Self { places, alone: Arc::new(Semaphore::new(1)), memory_bytes: AtomicUsize::new(0) }
    }
}

impl Tenant {
    /// Takes memory: false where it would be too much.
    pub(crate) fn take_memory(&self, bytes: usize) -> bool {
        let before = self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= limits::STORE_PLUGIN_MEMORY_BYTES;
        if !fits {
            self.give_memory(bytes);
        }
        fits
    }

    pub(crate) fn give_memory(&self, bytes: usize) {
        self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a root call holds while it runs.
#[derive(Debug)]
pub(crate) struct Seat {
    _root: OwnedSemaphorePermit,
    place: Option<(Arc<Tenant>, OwnedSemaphorePermit)>,
}

impl Seat {
    /// Waits until no other call of the plugin keeps its group's commits out; nothing to wait for where the plugin is not known yet.
    ///
    /// # Errors
    /// [`CallError::Timeout`] when the time is up.
    pub(crate) async fn alone(&self, until: Instant) -> Result<Option<OwnedSemaphorePermit>, CallError> {
        let Some((tenant, _)) = &self.place else { return Ok(None) };
        let alone = timeout_at(until, Arc::clone(&tenant.alone).acquire_owned()).await;
        alone.map(Result::ok).map_err(|_| CallError::Timeout)
    }
}

/// What a plugin's own handler, timer or job step holds while it runs.
#[derive(Debug)]
pub(crate) struct HandlerSeat {
    _handler: OwnedSemaphorePermit,
    pub(crate) tenant: Arc<Tenant>,
}

impl HandlerSeat {
    /// As [`Seat::alone`].
    ///
    /// # Errors
    /// [`CallError::Timeout`] when the time is up.
    pub(crate) async fn alone(&self, until: Instant) -> Result<Option<OwnedSemaphorePermit>, CallError> {
        let alone = timeout_at(until, Arc::clone(&self.tenant.alone).acquire_owned()).await;
        alone.map(Result::ok).map_err(|_| CallError::Timeout)
    }
}

/// The permits of a kernel.
#[derive(Debug)]
pub(crate) struct Admission {
    roots: Arc<Semaphore>,
    handlers: Arc<Semaphore>,
    maintenance: Semaphore,
    tenants: RwLock<HashMap<Scope, HashMap<PluginName, Arc<Tenant>>>>,
}

fn wait_for_root() -> Duration {
    Duration::from_millis(limits::TREE_WALL_MS)
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            roots: Arc::new(Semaphore::new(limits::ROOT_CALLS)),
            handlers: Arc::new(Semaphore::new(limits::HANDLER_CALLS)),
            maintenance: Semaphore::new(limits::MAINTENANCE_CALLS),
            tenants: RwLock::default(),
        }
    }

    /// Leave for a root call to run, at once or in its turn within the time that the call would have.
    ///
    /// # Errors
    /// [`CallError::Full`] when the kernel is full or stopping.
    pub(crate) async fn root(&self) -> Result<Seat, CallError> {
        let roots = Arc::clone(&self.roots);
        let root = match Arc::clone(&roots).try_acquire_owned() {
            Err(TryAcquireError::NoPermits) => {
                timeout(wait_for_root(), roots.acquire_owned()).await.ok().and_then(Result::ok)
            }
            other => other.ok(),
        };
        root.map(|root| Seat { _root: root, place: None }).ok_or(CallError::Full("ROOT_CALLS"))
    }

    /// Takes one of a plugin's places for the call in this seat, where one is free and nobody waits for it: what the plugin's calls share.
    ///
    /// # Errors
    /// The plugin to wait for.
    pub(crate) fn sit(&self, seat: &mut Seat, scope: &Scope, plugin: &PluginName) -> Result<Arc<Tenant>, Arc<Tenant>> {
        let tenant = self.tenant(scope, plugin);
        if seat.place.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, &tenant)) {
            return Ok(tenant);
        }
        match Arc::clone(&tenant.places).try_acquire_owned() {
            Ok(place) => {
                seat.place = Some((Arc::clone(&tenant), place));
                Ok(tenant)
            }
            Err(_) => Err(tenant),
        }
    }

    /// Waits for a place of a plugin's and then for leave to run, in the order of coming.
    ///
    /// # Errors
    /// [`CallError::Full`] with the cap that was met when the time is up.
    pub(crate) async fn queue(&self, tenant: Arc<Tenant>) -> Result<Seat, CallError> {
        let until = Instant::now() + wait_for_root();
        let place = timeout_at(until, Arc::clone(&tenant.places).acquire_owned()).await.ok().and_then(Result::ok);
        let place = place.ok_or(CallError::Full("STORE_PLUGIN_CALLS"))?;
        let root = timeout_at(until, Arc::clone(&self.roots).acquire_owned()).await.ok().and_then(Result::ok);
        let root = root.ok_or(CallError::Full("ROOT_CALLS"))?;
        Ok(Seat { _root: root, place: Some((tenant, place)) })
    }

    /// Leave for a plugin's own handler, timer or job step, in the order of coming: people's calls take none of these permits, nor these any
    /// of theirs.
    ///
    /// # Errors
    /// [`CallError::Full`] when the kernel is stopping.
    pub(crate) async fn handler(&self, scope: &Scope, plugin: &PluginName) -> Result<HandlerSeat, CallError> {
        let permit = Arc::clone(&self.handlers).acquire_owned().await;
        let handler = permit.map_err(|_| CallError::Full("HANDLER_CALLS"))?;
        Ok(HandlerSeat { _handler: handler, tenant: self.tenant(scope, plugin) })
    }

    /// Leave for an operator's action that loads the machine.
    ///
    /// # Errors
    /// [`KernelError::Full`] when others did not end in time.
    pub(crate) async fn maintenance(&self) -> Result<SemaphorePermit<'_>, KernelError> {
        let wait = Duration::from_millis(limits::MAINTENANCE_WAIT_MS);
        let permit = timeout(wait, self.maintenance.acquire()).await.ok().and_then(Result::ok);
        permit.ok_or(KernelError::Full("MAINTENANCE_CALLS"))
    }

    /// Waits until no root call and no handler runs: whether that was within so long. From then on none begins.
    pub(crate) async fn drain(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut drained = true;
        for (permits, count) in [(&self.handlers, limits::HANDLER_CALLS), (&self.roots, limits::ROOT_CALLS)] {
            let all = u32::try_from(count).unwrap_or(u32::MAX);
            drained &= timeout_at(until, permits.acquire_many(all)).await.is_ok();
            permits.close();
        }
        drained
    }

    /// How many root calls run.
    pub(crate) fn running(&self) -> usize {
        limits::ROOT_CALLS.saturating_sub(self.roots.available_permits())
    }

    fn tenant(&self, scope: &Scope, plugin: &PluginName) -> Arc<Tenant> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = tenants.get(scope).and_then(|plugins| plugins.get(plugin)) {
            return Arc::clone(tenant);
        }
        drop(tenants);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let plugins = tenants.entry(scope.clone()).or_default();
        Arc::clone(plugins.entry(plugin.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_base::{GroupId, StoreId};

    fn scope(store: &str) -> Scope {
        Scope::store(GroupId::new("g").unwrap(), StoreId::new(store).unwrap())
    }

    async fn fill(admission: &Admission, scope: &Scope, plugin: &PluginName) -> Vec<Seat> {
        let mut seats = Vec::new();
        for _ in 0..limits::STORE_PLUGIN_CALLS {
            let mut seat = admission.root().await.unwrap();
            admission.sit(&mut seat, scope, plugin).unwrap();
            seats.push(seat);
        }
        seats
    }

    #[tokio::test]
    async fn a_plugin_at_its_cap_waits_in_order_and_holds_up_nobody_else() {
        let admission = Admission::new();
        let (here, there) = (scope("s1"), scope("s2"));
        let (hostile, other) = (PluginName::new("hostile").unwrap(), PluginName::new("other").unwrap());
        let mut seats = fill(&admission, &here, &hostile).await;
        let running = admission.running();
        let crowd = admission.sit(&mut admission.root().await.unwrap(), &here, &hostile).unwrap_err();
        let mut waiting: Vec<_> =
            (0..limits::ROOT_CALLS).map(|_| Box::pin(admission.queue(Arc::clone(&crowd)))).collect();
        for waiter in &mut waiting {
            assert!(futures::poll!(waiter.as_mut()).is_pending());
        }
        // INVARIANT (no-permit-while-waiting)
        assert_eq!(admission.running(), running);
        for (scope, plugin) in [(&here, &other), (&there, &hostile)] {
            admission.sit(&mut admission.root().await.unwrap(), scope, plugin).unwrap();
        }
        seats.pop();
        let mut late = admission.root().await.unwrap();
        admission.sit(&mut late, &here, &hostile).unwrap_err();
        let first = waiting.remove(0).await.unwrap();
        assert!(first.place.is_some() && futures::poll!(waiting[0].as_mut()).is_pending());
    }

    #[tokio::test]
    async fn a_call_that_begins_anew_keeps_its_place() {
        let admission = Admission::new();
        let (here, plugin) = (scope("s1"), PluginName::new("p").unwrap());
        let mut seats = fill(&admission, &here, &plugin).await;
        admission.sit(seats.last_mut().unwrap(), &here, &plugin).unwrap();
        // Another plugin has been enabled meanwhile: the place is changed for one of its.
        let other = PluginName::new("q").unwrap();
        admission.sit(seats.last_mut().unwrap(), &here, &other).unwrap();
        let mut seat = admission.root().await.unwrap();
        admission.sit(&mut seat, &here, &plugin).unwrap();
    }

    #[tokio::test]
    async fn calls_of_one_plugin_keep_a_group_s_commits_out_one_at_a_time() {
        let admission = Admission::new();
        let (here, plugin, other) = (scope("s1"), PluginName::new("p").unwrap(), PluginName::new("q").unwrap());
        let seats = fill(&admission, &here, &plugin).await;
        let mut stranger = admission.root().await.unwrap();
        admission.sit(&mut stranger, &here, &other).unwrap();
        let until = Instant::now() + wait_for_root();
        let first = seats[0].alone(until).await.unwrap();
        let mut second = Box::pin(seats[1].alone(until));
        assert!(futures::poll!(second.as_mut()).is_pending());
        stranger.alone(until).await.unwrap();
        drop(first);
        assert!(second.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn maintenance_leaves_calls_alone_and_is_left_alone_by_them() {
        let admission = Admission::new();
        let mut seats = Vec::new();
        for _ in 0..limits::ROOT_CALLS {
            seats.push(admission.root().await.unwrap());
        }
        let mut permits = Vec::new();
        for _ in 0..limits::MAINTENANCE_CALLS {
            permits.push(admission.maintenance().await.unwrap());
        }
        assert!(futures::poll!(Box::pin(admission.maintenance())).is_pending());
        seats.pop();
        admission.root().await.unwrap();
    }

    #[test]
    fn memory_is_taken_up_to_the_bound_and_given_back() {
        let tenant = Tenant::default();
        assert!(tenant.take_memory(limits::STORE_PLUGIN_MEMORY_BYTES) && !tenant.take_memory(1));
        tenant.give_memory(1);
        assert!(tenant.take_memory(1));
    }
}
