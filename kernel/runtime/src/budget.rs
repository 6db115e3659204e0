//! What one call tree may use. Budgets only shrink: a savepoint that is rolled back gives nothing back.

use forecourt_base::limits;
use forecourt_storage::Usage;

use crate::error::Abort;

/// The bounds of a call tree; `report-` queries read more and take longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) cpu_ticks: u64,
    pub(crate) wall_ms: u64,
    pub(crate) hostcall_fuel: usize,
    pub(crate) read_rows: usize,
    pub(crate) read_bytes: usize,
}

impl Bounds {
    pub(crate) const CALL: Self = Self {
        cpu_ticks: limits::TREE_CPU_MS / limits::EPOCH_TICK_MS,
        wall_ms: limits::TREE_WALL_MS,
        hostcall_fuel: limits::HOSTCALL_FUEL,
        read_rows: limits::TREE_READ_ROWS,
        read_bytes: limits::TREE_READ_BYTES,
    };
    pub(crate) const REPORT: Self = Self {
        cpu_ticks: limits::TREE_CPU_LONG_MS / limits::EPOCH_TICK_MS,
        wall_ms: limits::TREE_WALL_LONG_MS,
        hostcall_fuel: limits::HOSTCALL_FUEL_REPORT,
        read_rows: limits::TREE_READ_ROWS_REPORT,
        read_bytes: limits::TREE_READ_BYTES_REPORT,
    };
}

/// What a call tree has used so far.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) bounds: Bounds,
    cpu_ticks: u64,
    memory_bytes: usize,
    calls: usize,
    host_calls: usize,
    events: usize,
    log_bytes: usize,
    /// What the kernel itself had read in the transaction before the first plugin ran.
    before: Usage,
}

impl Budget {
    pub(crate) fn new(bounds: Bounds, before: Usage) -> Self {
        Self { bounds, cpu_ticks: 0, memory_bytes: 0, calls: 0, host_calls: 0, events: 0, log_bytes: 0, before }
    }

    /// One epoch tick found the tree running guest code: how many have.
    pub(crate) fn tick(&mut self) -> Result<u64, Abort> {
        self.cpu_ticks += 1;
        within(self.cpu_ticks <= self.bounds.cpu_ticks, "TREE_CPU_MS").map(|()| self.cpu_ticks)
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
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
        within(self.memory_bytes <= limits::TREE_MEMORY_BYTES, "TREE_MEMORY_BYTES")
    }

    /// An instance ended and its memory went back to the pool.
    pub(crate) fn give_memory(&mut self, bytes: usize) {
        self.memory_bytes = self.memory_bytes.saturating_sub(bytes);
    }

    pub(crate) fn storage(&self, usage: &Usage) -> Result<(), Abort> {
        let Usage { writes, write_bytes, rows_read, bytes_read, .. } = self.before;
        within(usage.writes - writes <= limits::TREE_WRITES, "TREE_WRITES")?;
        within(usage.write_bytes - write_bytes <= limits::TREE_WRITE_BYTES, "TREE_WRITE_BYTES")?;
        within(usage.rows_read - rows_read <= self.bounds.read_rows, "TREE_READ_ROWS")?;
        within(usage.bytes_read - bytes_read <= self.bounds.read_bytes, "TREE_READ_BYTES")
    }

    pub(crate) fn cpu_ms(&self) -> u64 {
        self.cpu_ticks * limits::EPOCH_TICK_MS
    }
}

fn within(holds: bool, name: &'static str) -> Result<(), Abort> {
    if holds { Ok(()) } else { Err(Abort::Limit(name)) }
}
