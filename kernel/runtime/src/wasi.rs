//! The part of WASI 0.2 that plugins get, so that any language's runtime starts: an empty environment, output to the log, the
//! call's clock, the call's randomness, polling that never blocks. Files and sockets may be imported but hold nothing.
//!
//! Functions are linked by name along the component's own import types, so every 0.2.x is served by the same code, and a function
//! that is not known here answers with its error type, or traps where it has none.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceDynamic, ResourceType, Type, Val};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::bindings::forecourt::kernel::log::Level;
use crate::error::Abort;
use crate::host::line;
use crate::state::CallState;

const INPUT_STREAM: u32 = 1;
const OUTPUT_STREAM: u32 = 2;
const POLLABLE: u32 = 3;
const OTHER: u32 = 4;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Links every WASI interface that the component imports.
pub(crate) fn link(linker: &mut Linker<CallState>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        let Some(interface) = name.strip_prefix("wasi:") else { continue };
        let ComponentItem::ComponentInstance(items) = import.ty else { continue };
        let interface = interface.split('@').next().unwrap_or_default();
        let mut instance = linker.instance(name)?;
        for (item, export) in items.exports(&engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => function(&mut instance, interface, item)?,
                ComponentItem::Resource(_) => {
                    let kind = match item {
                        "input-stream" => INPUT_STREAM,
                        "output-stream" => OUTPUT_STREAM,
                        "pollable" => POLLABLE,
                        _ => OTHER,
                    };
                    instance.resource(item, ResourceType::host_dynamic(kind), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn function(instance: &mut LinkerInstance<'_, CallState>, interface: &str, name: &str) -> wasmtime::Result<()> {
    let full = format!("{interface}#{name}");
    instance.func_new(name, move |mut store, ty, params, results| {
        store.data_mut().tree()?.budget.host_call()?;
        let mut handles = Vec::new();
        for param in params {
            take_handles(&mut store, param, &mut handles)?;
        }
        if let Some(value) = answer(&mut store, &full, params, &handles)? {
            if let (Some(result), Some(value)) = (results.first_mut(), value) {
                *result = value;
            }
            return Ok(());
        }
        refuse(&full, &ty, results).map_err(|()| store.data().misuse(format!("wasi:{full} is not given")).into())
    })
}

fn own(store: &mut StoreContextMut<'_, CallState>, rep: u32, kind: u32) -> wasmtime::Result<Val> {
    Ok(Val::Resource(ResourceDynamic::new_own(rep, kind).try_into_resource_any(store.as_context_mut())?))
}

/// What the handles stand for that a guest passed, in their order. A borrowed handle must be given back before the function returns, and
/// one that is handed over must not stay in the host's table: both are done here.
fn take_handles(store: &mut StoreContextMut<'_, CallState>, value: &Val, taken: &mut Vec<u32>) -> wasmtime::Result<()> {
    match value {
        Val::Resource(any) => taken.push(any.try_into_resource_dynamic(store.as_context_mut())?.rep()),
        // Bytes are long, and hold no handles.
        Val::List(items) if matches!(items.first(), Some(Val::U8(_))) => {}
        Val::List(items) | Val::Tuple(items) => {
            for item in items {
                take_handles(store, item, taken)?;
            }
        }
        Val::Record(fields) => {
            for (_, field) in fields {
                take_handles(store, field, taken)?;
            }
        }
        Val::Option(Some(inner)) | Val::Variant(_, Some(inner)) | Val::Result(Ok(Some(inner)) | Err(Some(inner))) => {
            take_handles(store, inner, taken)?;
        }
        _ => {}
    }
    Ok(())
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn empty_list() -> Val {
    Val::List(Vec::new())
}

/// The answer of a function that is given: `Some(None)` where it has no result.
fn answer(
    store: &mut StoreContextMut<'_, CallState>,
    name: &str,
    params: &[Val],
    handles: &[u32],
) -> wasmtime::Result<Option<Option<Val>>> {
    let nanos = |store: &mut StoreContextMut<'_, CallState>| -> Result<u64, Abort> {
        let millis = store.data_mut().tree()?.origin.started.as_millis();
        Ok(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000))
    };
    let value = match name {
        "cli/environment#get-environment" | "cli/environment#get-arguments" => empty_list(),
        "filesystem/preopens#get-directories" => empty_list(),
        "cli/environment#initial-cwd"
        | "cli/terminal-stdin#get-terminal-stdin"
        | "cli/terminal-stdout#get-terminal-stdout"
        | "cli/terminal-stderr#get-terminal-stderr"
        | "filesystem/types#filesystem-error-code" => Val::Option(None),
        "cli/stdin#get-stdin" => own(store, 0, INPUT_STREAM)?,
        "cli/stdout#get-stdout" => own(store, STDOUT, OUTPUT_STREAM)?,
        "cli/stderr#get-stderr" => own(store, STDERR, OUTPUT_STREAM)?,
        "io/streams#[method]output-stream.check-write" => ok(Some(Val::U64(4096))),
        "io/streams#[method]output-stream.write" | "io/streams#[method]output-stream.blocking-write-and-flush" => {
            write(store, handles.first() == Some(&STDERR), params)?;
            ok(None)
        }
        "io/streams#[method]output-stream.flush" | "io/streams#[method]output-stream.blocking-flush" => ok(None),
        "io/streams#[method]input-stream.read" | "io/streams#[method]input-stream.blocking-read" => {
            Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))))
        }
        "io/streams#[method]output-stream.subscribe"
        | "io/streams#[method]input-stream.subscribe"
        | "clocks/monotonic-clock#subscribe-instant"
        | "clocks/monotonic-clock#subscribe-duration" => own(store, 0, POLLABLE)?,
        "io/poll#[method]pollable.ready" => Val::Bool(true),
        "io/poll#[method]pollable.block" => return Ok(Some(None)),
        "io/poll#poll" => match params.first() {
            Some(Val::List(polled)) => {
                Val::List((0..polled.len()).map(|at| Val::U32(u32::try_from(at).unwrap_or(0))).collect())
            }
            _ => empty_list(),
        },
        "clocks/monotonic-clock#now" => Val::U64(nanos(store)?),
        "clocks/monotonic-clock#resolution" => Val::U64(1_000_000),
        "clocks/wall-clock#now" => datetime(nanos(store)?),
        "clocks/wall-clock#resolution" => datetime(1_000_000),
        "random/random#get-random-u64" | "random/insecure#get-insecure-random-u64" => {
            Val::U64(store.data_mut().tree()?.next_random())
        }
        "random/random#get-random-bytes" | "random/insecure#get-insecure-random-bytes" => random_bytes(store, params)?,
        "random/insecure-seed#insecure-seed" => {
            let tree = store.data_mut().tree()?;
            Val::Tuple(vec![Val::U64(tree.next_random()), Val::U64(tree.next_random())])
        }
        "cli/exit#exit" | "cli/exit#exit-with-code" => return Err(store.data().misuse("it exited").into()),
        _ => return Ok(None),
    };
    Ok(Some(Some(value)))
}

fn datetime(nanos: u64) -> Val {
    let nanoseconds = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(nanos / 1_000_000_000)),
        ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
    ])
}

const RANDOM_BYTES: u64 = 64 * 1024;

fn random_bytes(store: &mut StoreContextMut<'_, CallState>, params: &[Val]) -> wasmtime::Result<Val> {
    let Some(Val::U64(length)) = params.first() else { return Ok(empty_list()) };
    if *length > RANDOM_BYTES {
        return Err(store.data().misuse(format!("at most {RANDOM_BYTES} random bytes are given at once")).into());
    }
    let tree = store.data_mut().tree()?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < *length {
        bytes.extend(tree.next_random().to_le_bytes().map(Val::U8));
    }
    bytes.truncate(usize::try_from(*length).unwrap_or(0));
    Ok(Val::List(bytes))
}

fn write(store: &mut StoreContextMut<'_, CallState>, is_error: bool, params: &[Val]) -> wasmtime::Result<()> {
    let Some(Val::List(bytes)) = params.get(1) else { return Ok(()) };
    let bytes: Vec<u8> =
        bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None }).collect();
    let text = String::from_utf8_lossy(&bytes);
    let level = if is_error { Level::Warn } else { Level::Info };
    line(store.data_mut(), level, text.trim_end(), "")
}

/// Fills in the function's own `err`, choosing the case that says no.
fn refuse(name: &str, ty: &ComponentFunc, results: &mut [Val]) -> Result<(), ()> {
    const REFUSALS: [&str; 5] = ["access-denied", "access", "not-supported", "unsupported", "not-permitted"];
    let Some(Type::Result(result)) = ty.results().next() else { return Err(()) };
    let error = match result.err() {
        None => None,
        Some(Type::Enum(cases)) => {
            let case = REFUSALS.iter().find(|refusal| cases.names().any(|name| name == **refusal)).ok_or(())?;
            Some(Box::new(Val::Enum((*case).to_owned())))
        }
        Some(_) => {
            tracing::debug!(name, "a WASI function has no error that says no");
            return Err(());
        }
    };
    let slot = results.first_mut().ok_or(())?;
    *slot = Val::Result(Err(error));
    Ok(())
}
