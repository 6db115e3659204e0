//! Plugin versions that keep failing are suspended where they fail: one [`Breaker`] each, in memory alone.
//!
//! As long as nothing fails, a call pays one load of a number.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_base::{Clock, PluginName, Scope};
use forecourt_registry::Module;
use semver::Version;

use crate::breaker::{Breaker, Entry, Verdict};
use crate::error::Abort;

/// A plugin version in one store, or in a group as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    scope: Scope,
    plugin: PluginName,
    version: Version,
}

impl Subject {
    fn new(scope: &Scope, module: &Module) -> Self {
        Self { scope: scope.clone(), plugin: module.plugin.clone(), version: module.version.clone() }
    }
}

/// The breakers of all plugin versions against which something is held.
#[derive(Debug)]
pub(crate) struct Suspensions {
    clock: Arc<dyn Clock>,
    /// How many breakers there are, so that none is looked for where there is none.
    known: AtomicUsize,
    breakers: Mutex<HashMap<Subject, Breaker>>,
    total: AtomicU64,
}

/// Leave for one call of a plugin. A trial that ends without a verdict is left to the next call.
#[derive(Debug)]
pub(crate) struct Pass(Option<(Arc<Suspensions>, Subject)>);

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some((suspensions, subject)) = self.0.take() {
            suspensions.judge(subject, Entry::Trial, Verdict::None);
        }
    }
}

impl Suspensions {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let (known, breakers) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { clock, known, breakers, total: AtomicU64::new(0) })
    }

    /// Whether a call of a plugin may run now.
    ///
    /// # Errors
    /// [`Abort::Suspended`] when it failed too often.
    pub(crate) fn enter(self: &Arc<Self>, scope: &Scope, module: &Module) -> Result<Pass, Abort> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return Ok(Pass(None));
        }
        let subject = Subject::new(scope, module);
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        match breakers.get_mut(&subject).map(|breaker| breaker.enter(self.clock.now())) {
            None | Some(Entry::Free) => Ok(Pass(None)),
            Some(Entry::Refused(retry_after_ms)) => {
                Err(Abort::Suspended { plugin: module.plugin.to_string(), retry_after_ms })
            }
            Some(Entry::Trial) => {
                drop(breakers);
                tracing::info!(plugin = %module.plugin, version = %module.version, %scope, "a suspended plugin is tried");
                Ok(Pass(Some((Arc::clone(self), subject))))
            }
        }
    }

    /// Takes note of how a call ended that had this leave.
    pub(crate) fn ended(&self, mut pass: Pass, scope: &Scope, module: &Module, verdict: Verdict) {
        match pass.0.take() {
            Some((_, subject)) => self.judge(subject, Entry::Trial, verdict),
            None if verdict == Verdict::Failure
                || (verdict == Verdict::Success && self.known.load(Ordering::Relaxed) > 0) =>
            {
                self.judge(Subject::new(scope, module), Entry::Free, verdict);
            }
            None => {}
        }
    }

    fn judge(&self, subject: Subject, entry: Entry, verdict: Verdict) {
        let now = self.clock.now();
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breakers.get(&subject).copied();
        let after = match before {
            Some(breaker) => breaker.ended(entry, verdict, now),
            None if verdict == Verdict::Failure => {
                breakers.retain(|_, breaker| !breaker.is_stale(now));
                Some(Breaker::after_failure(now))
            }
            None => None,
        };
        match after {
            Some(breaker) => drop(breakers.insert(subject.clone(), breaker)),
            None => drop(breakers.remove(&subject)),
        }
        self.known.store(breakers.len(), Ordering::Relaxed);
        drop(breakers);
        self.tell(&subject, before, after);
    }

    /// Logs a change, once.
    fn tell(&self, subject: &Subject, before: Option<Breaker>, after: Option<Breaker>) {
        let Subject { scope, plugin, version } = subject;
        match (before.is_some_and(Breaker::is_suspended), after) {
            (true, None) => tracing::info!(%plugin, %version, %scope, "a suspended plugin works again"),
            (_, Some(Breaker::Open { for_ms, .. })) if before != after => {
                self.total.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%plugin, %version, %scope, for_ms, "a plugin that keeps failing is suspended");
            }
            _ => {}
        }
    }

    /// What serves in a place was decided anew: nothing is held against a plugin there, nor in the stores that a group's module serves.
    pub(crate) fn begin_anew(&self, place: &Scope, plugin: &PluginName) {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.retain(|subject, _| {
            let within = subject.scope.group == place.group && (place.store.is_none() || subject.scope == *place);
            !(within && subject.plugin == *plugin)
        });
        self.known.store(breakers.len(), Ordering::Relaxed);
    }

    /// How often plugins were suspended, and which are now, in Prometheus' text format.
    pub(crate) fn to_prometheus(&self) -> String {
        let total = self.total.load(Ordering::Relaxed);
        let mut text =
            format!("# TYPE forecourt_plugin_suspensions_total counter\nforecourt_plugin_suspensions_total {total}\n");
        text.push_str("# TYPE forecourt_plugin_suspended gauge\n");
        for (subject, breaker) in &*self.breakers.lock().unwrap_or_else(PoisonError::into_inner) {
            let Subject { scope, plugin, version } = subject;
            let suspended = u8::from(breaker.is_suspended());
            let _ = writeln!(
                text,
                "forecourt_plugin_suspended{{scope=\"{scope}\",plugin=\"{plugin}\",version=\"{version}\"}} {suspended}"
            );
        }
        text
    }
}
