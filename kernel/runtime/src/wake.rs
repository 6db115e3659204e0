//! What a call gives the kernel to do once it has committed.

use forecourt_base::{PluginName, Scope, Timestamp, TraceContext};
use forecourt_bus::jobs::Job;

use crate::jobs::JobKey;
use crate::kernel::Kernel;
use crate::schedule::Item;

#[derive(Debug, Clone)]
struct NewJob {
    plugin: PluginName,
    id: String,
    request_id: String,
    trace: Option<TraceContext>,
}

/// The timers and jobs that a call tree has begun, those included that were undone: a look that finds nothing does no harm.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake {
    /// When the first of the timers is due.
    timer: Option<Timestamp>,
    jobs: Vec<NewJob>,
}

impl Wake {
    pub(crate) fn timer(&mut self, at: Timestamp) {
        self.timer = Some(self.timer.map_or(at, |known| known.min(at)));
    }

    pub(crate) fn job(&mut self, job: &Job) {
        let Job { plugin, id, request_id, trace, .. } = job;
        let (plugin, id, request_id) = (plugin.clone(), id.clone(), request_id.clone());
        self.jobs.push(NewJob { plugin, id, request_id, trace: *trace });
    }
}

impl Kernel {
    /// To be told after a commit, or where its outcome is not known.
    pub(crate) fn wake(&self, scope: &Scope, wake: Wake) {
        let Wake { timer, jobs } = wake;
        if let Some(at) = timer {
            self.schedule().sooner(Item::Timers(scope.clone()), at);
        }
        for NewJob { plugin, id, request_id, trace } in jobs {
            self.jobs().add(JobKey { scope: scope.clone(), plugin, id, request_id, trace }, self.clock().now());
        }
    }
}
