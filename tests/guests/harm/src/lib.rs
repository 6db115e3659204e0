//! What a hostile or careless guest does: each function goes past one limit of the kernel. None of them returns, unless the kernel
//! fails to stop it; then the guest traps, which the tests tell from the limit. What the kernel only refuses is in [`misuse`].
//!
//! A guest that uses this crate declares a collection `blobs` of records with these fields, with an index `by-tag` over `tags`.

mod misuse;

use std::hint::black_box;

use forecourt_sdk::serde::{Deserialize, Serialize};
use forecourt_sdk::{Collection, KernelError, clock, ids, log};
pub use misuse::misuse;
use serde_json::value::RawValue;

/// A record of collection `blobs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(crate = "forecourt_sdk::serde")]
pub struct Blob {
    pub id: String,
    pub text: String,
    pub tags: Vec<String>,
}

pub(crate) const BLOBS: Collection<Blob> = Collection::new("blobs");
/// Larger than any budget counted in calls of the host.
const MANY: usize = 200_000;
const BLOB_BYTES: usize = 200_000;
const PAGE_ROWS: u32 = 200;

pub(crate) fn blob(id: usize, bytes: usize, tags: usize) -> Blob {
    let tags = (0..tags).map(|tag| format!("t{tag}")).collect();
    Blob { id: format!("{id:06}"), text: "x".repeat(bytes), tags }
}

fn put(blob: &Blob) {
    BLOBS.put(&blob.id, blob).expect("the kernel refuses nothing before the limit");
}

/// Goes past the limit of this name and never comes back. `publish` publishes one event.
pub fn breach(limit: &impl Serialize, mut publish: impl FnMut(usize) -> Result<(), KernelError>) -> ! {
    let limit = serde_json::to_value(limit).ok();
    match limit.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default() {
        "writes" => (0..MANY).for_each(|id| put(&blob(id, 1, 0))),
        "write_bytes" => (0..MANY).for_each(|id| put(&blob(id, BLOB_BYTES, 0))),
        "read_rows" => read_rows(),
        "read_bytes" => read_bytes(),
        "events" => (0..MANY).for_each(|id| publish(id).expect("the kernel refuses nothing before the limit")),
        "log_bytes" => (0..MANY).for_each(|_| log::info(&"x".repeat(1_000), &[])),
        "host_calls" => (0..MANY).for_each(|_| consume(clock::unix_millis())),
        "series" => (0..MANY).for_each(|at| consume(ids::number(&format!("s{at}")))),
        "memory" => grow(),
        "processor" => spin(),
        "wall" => dawdle(),
        "stack" => consume(deeper(black_box(1))),
        "hostcall_fuel" => log::info(&"x".repeat(5_000_000), &[]),
        "index_entries" => put(&blob(0, 1, 65)),
        other => panic!("there is no way past `{other}`"),
    }
    panic!("the kernel let the guest go past its limit");
}

fn read_rows() {
    (0..PAGE_ROWS as usize).for_each(|id| put(&blob(id, 1, 0)));
    for _ in 0..MANY {
        let rows = BLOBS.scan("", PAGE_ROWS, None).expect("rows are read before the limit").items.len();
        assert_eq!(rows, PAGE_ROWS as usize);
    }
}

fn read_bytes() {
    put(&blob(0, BLOB_BYTES, 0));
    for _ in 0..MANY {
        assert!(BLOBS.get("000000").expect("bytes are read before the limit").is_some());
    }
}

fn grow() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..MANY {
        held.push(vec![1; 1 << 20]);
        black_box(&held);
    }
}

fn spin() {
    work(u32::MAX);
}

/// So many million steps of work that comes to nothing.
pub fn work(millions: u32) {
    let mut x = 1u64;
    for at in 0..u64::from(millions) * 1_000_000 {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at));
    }
}

/// Keeps the kernel busy rather than the guest: each call gives it half a megabyte of JSON to read, which is no record.
fn dawdle() {
    let nonsense: Collection<Box<RawValue>> = Collection::new("blobs");
    let fields: Vec<String> = (0..46_000).map(|field| format!("\"k{field:05}\":0")).collect();
    let raw = RawValue::from_string(format!("{{{}}}", fields.join(","))).expect("an object of numbers is JSON");
    for _ in 0..MANY {
        assert!(nonsense.put("nonsense", &raw).is_err());
    }
}

/// Nothing of a frame lies in the guest's own memory, so that it is the kernel's stack that ends.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    deeper(depth + 1).rotate_left(7) ^ depth
}

fn consume<T>(value: T) {
    let _ = black_box(value);
}
