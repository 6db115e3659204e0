//! What one call tree may use. Budgets only shrink: a savepoint that is rolled back gives nothing back.

use std::sync::Arc;

use forecourt_base::limits;
use forecourt_storage::Usage;

use crate::admission::Tenant;
use crate::error::Abort;
use crate::metrics::Used;
use crate::turns::Pace;

/// The bounds of a call tree; `report-` queries read more and take longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) cpu_ticks: u64,
    /// The name of the limit on processor time.
    pub(crate) cpu_limit: &'static str,
    pub(crate) wall_ms: u64,
    pub(crate) hostcall_fuel: usize,
    pub(crate) read_rows: usize,
    pub(crate) read_bytes: usize,
    /// Others wait for the tree, so it waits for no turn.
    pub(crate) keeps_others_out: bool,
}

impl Bounds {
    pub(crate) const CALL: Self = Self {
        cpu_ticks: limits::TREE_CPU_MS / limits::EPOCH_TICK_MS,
        cpu_limit: "TREE_CPU_MS",
        wall_ms: limits::TREE_WALL_MS,
        hostcall_fuel: limits::HOSTCALL_FUEL,
        read_rows: limits::TREE_READ_ROWS,
        read_bytes: limits::TREE_READ_BYTES,
        keeps_others_out: false,
    };
    pub(crate) const REPORT: Self = Self {
        cpu_ticks: limits::TREE_CPU_LONG_MS / limits::EPOCH_TICK_MS,
        cpu_limit: "TREE_CPU_LONG_MS",
        wall_ms: limits::TREE_WALL_LONG_MS,
        hostcall_fuel: limits::HOSTCALL_FUEL_REPORT,
        read_rows: limits::TREE_READ_ROWS_REPORT,
        read_bytes: limits::TREE_READ_BYTES_REPORT,
        keeps_others_out: false,
    };

    /// Event handlers, timers and job steps.
    pub(crate) const HANDLER: Self = Self {
        cpu_ticks: limits::TREE_CPU_LONG_MS / limits::EPOCH_TICK_MS,
        cpu_limit: "TREE_CPU_LONG_MS",
        wall_ms: limits::TREE_WALL_LONG_MS,
        ..Self::CALL
    };

    /// The same for the attempt that keeps others out: they wait for it, so it is short.
    pub(crate) fn exclusive(self) -> Self {
        Self {
            cpu_ticks: limits::EXCLUSIVE_CPU_MS / limits::EPOCH_TICK_MS,
            cpu_limit: "EXCLUSIVE_CPU_MS",
            wall_ms: limits::EXCLUSIVE_WALL_MS,
            keeps_others_out: true,
            ..self
        }
    }
}

/// The linear memory of a tree's instances.
#[derive(Debug, Default)]
struct Memory {
    bytes: usize,
    peak_bytes: usize,
    /// Whose it is together with that of other trees; none in a bench of the floor.
    tenant: Option<Arc<Tenant>>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(tenant) = &self.tenant {
            tenant.give_memory(self.bytes);
        }
    }
}

/// Ticks after which a tree is long.
const SHORT_TICKS: u64 = limits::TREE_SHORT_MS / limits::EPOCH_TICK_MS;

/// What a call tree has used so far.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) bounds: Bounds,
    cpu_ticks: u64,
    pace: Arc<Pace>,
    memory: Memory,
    calls: usize,
    host_calls: usize,
    events: usize,
    log_bytes: usize,
    /// What the kernel itself had read in the transaction before the first plugin ran.
    before: Usage,
}

impl Budget {
    pub(crate) fn new(bounds: Bounds, before: Usage, tenant: Option<Arc<Tenant>>) -> Self {
        Self {
            bounds,
            cpu_ticks: 0,
            pace: Arc::default(),
            memory: Memory { bytes: 0, peak_bytes: 0, tenant },
            calls: 0,
            host_calls: 0,
            events: 0,
            log_bytes: 0,
            before,
        }
    }

    /// Whether the tree has become long, for those who poll it.
    pub(crate) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// One epoch tick found the tree running guest code: whether it has become long, or was already, and lets others run.
    pub(crate) fn tick(&mut self) -> Result<bool, Abort> {
        self.cpu_ticks += 1;
        within(self.cpu_ticks <= self.bounds.cpu_ticks, self.bounds.cpu_limit)?;
        // A call that a tick met by chance goes on.
        let long = self.cpu_ticks >= SHORT_TICKS;
        if long && !self.bounds.keeps_others_out {
            self.pace.interrupt();
        }
        Ok(long)
    }

    /// How many plugin calls the tree has made, the root's included.
    pub(crate) fn plugin_calls(&self) -> usize {
        self.calls
    }

    pub(crate) fn host_call(&mut self) -> Result<(), Abort> {
        self.host_calls += 1;
        within(self.host_calls <= limits::TREE_HOST_CALLS, "TREE_HOST_CALLS")
    }

    pub(crate) fn plugin_call(&mut self) -> Result<(), Abort> {
        self.calls += 1;
        within(self.calls <= limits::TREE_CALLS, "TREE_CALLS")
    }

    pub(crate) fn event(&mut self) -> Result<(), Abort> {
        self.events += 1;
        within(self.events <= limits::TREE_EVENTS, "TREE_EVENTS")
    }

    pub(crate) fn log(&mut self, bytes: usize) -> Result<(), Abort> {
        self.log_bytes = self.log_bytes.saturating_add(bytes);
        within(self.log_bytes <= limits::TREE_LOG_BYTES, "TREE_LOG_BYTES")
    }

    pub(crate) fn take_memory(&mut self, bytes: usize) -> Result<(), Abort> {
        within(self.memory.bytes.saturating_add(bytes) <= limits::TREE_MEMORY_BYTES, "TREE_MEMORY_BYTES")?;
        if self.memory.tenant.as_ref().is_some_and(|tenant| !tenant.take_memory(bytes)) {
            return Err(Abort::Full("STORE_PLUGIN_MEMORY_BYTES"));
        }
        self.memory.bytes += bytes;
        self.memory.peak_bytes = self.memory.peak_bytes.max(self.memory.bytes);
        Ok(())
    }

    /// An instance ended and its memory went back to the pool.
    pub(crate) fn give_memory(&mut self, bytes: usize) {
        let bytes = bytes.min(self.memory.bytes);
        self.memory.bytes -= bytes;
        if let Some(tenant) = &self.memory.tenant {
            tenant.give_memory(bytes);
        }
    }

    pub(crate) fn storage(&self, usage: &Usage) -> Result<(), Abort> {
        let Usage { writes, write_bytes, rows_read, bytes_read, .. } = self.before;
        within(usage.writes - writes <= limits::TREE_WRITES, "TREE_WRITES")?;
        within(usage.write_bytes - write_bytes <= limits::TREE_WRITE_BYTES, "TREE_WRITE_BYTES")?;
        within(usage.rows_read - rows_read <= self.bounds.read_rows, "TREE_READ_ROWS")?;
        within(usage.bytes_read - bytes_read <= self.bounds.read_bytes, "TREE_READ_BYTES")
    }

    /// What the tree has used, for the metrics.
    pub(crate) fn used(&self, usage: &Usage) -> Used {
        let Usage { writes, write_bytes, rows_read, bytes_read } = self.before;
        let storage = Usage {
            writes: usage.writes - writes,
            write_bytes: usage.write_bytes - write_bytes,
            rows_read: usage.rows_read - rows_read,
            bytes_read: usage.bytes_read - bytes_read,
        };
        let cpu_ms = self.cpu_ticks * limits::EPOCH_TICK_MS;
        Used { cpu_ms, memory_bytes: self.memory.peak_bytes, storage, ..Used::default() }
    }
}

fn within(holds: bool, name: &'static str) -> Result<(), Abort> {
    if holds { Ok(()) } else { Err(Abort::Limit(name)) }
}
