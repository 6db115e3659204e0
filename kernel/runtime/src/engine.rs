//! The WebAssembly engine: one configuration for all plugins, one thread that advances the epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use forecourt_base::limits;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::KernelError;

/// Whether the engine will run guests or only compile them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Instances come from a pool that is mapped at start.
    Run,
    /// Nothing is mapped: the child process that compiles lives in a small address space.
    Compile,
}

fn pool() -> PoolingAllocationConfig {
    let core_instances = u32::try_from(limits::POOL_CORE_INSTANCES).unwrap_or(u32::MAX);
    let components = u32::try_from(limits::POOL_INSTANCES).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(components)
        .total_core_instances(core_instances)
        .total_memories(components)
        .total_tables(components * 4)
        .total_stacks(components)
        .total_gc_heaps(0)
        .max_memory_size(limits::INSTANCE_MEMORY_BYTES)
        .table_elements(limits::INSTANCE_TABLE_ELEMENTS)
        .max_core_instances_per_component(u32::try_from(limits::COMPONENT_CORE_INSTANCES).unwrap_or(u32::MAX))
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_component_instance_size(1024 * 1024)
        .max_core_instance_size(1024 * 1024)
        .linear_memory_keep_resident(4 * 1024 * 1024)
        .async_stack_keep_resident(64 * 1024)
        .table_keep_resident(64 * 1024)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn config(purpose: Purpose) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .async_stack_size(limits::ASYNC_STACK_BYTES)
        .gc_support(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .memory_reservation(limits::INSTANCE_MEMORY_BYTES as u64)
        .memory_may_move(false);
    if purpose == Purpose::Run {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    config
}

/// Says at start what this machine's Linux lacks: without PAGEMAP_SCAN (before 6.7) a used instance's memory is reset by other means,
/// and calls cost more.
pub(crate) fn warn_of_fallbacks() {
    if !PoolingAllocationConfig::is_pagemap_scan_available() {
        tracing::warn!("this Linux has no PAGEMAP_SCAN (it came with 6.7): every call takes longer");
    }
}

/// Makes an engine. Engines of both purposes accept one another's compiled code.
pub(crate) fn build(purpose: Purpose) -> Result<Engine, KernelError> {
    Engine::new(&config(purpose)).map_err(|error| KernelError::Engine(format!("{error:#}")))
}

/// The thread that advances an engine's epoch every [`limits::EPOCH_TICK_MS`], so that guests are interrupted and counted.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Self, KernelError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, seen) = (engine.weak(), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || {
                while !seen.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(limits::EPOCH_TICK_MS));
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })
            .map_err(|error| KernelError::Engine(format!("the epoch thread did not start: {error}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
