//! The kernel's interfaces as guests see them. Each function passes [`CallState::enter`], the one place that checks the plugin's
//! grant and counts the call.

mod events;
mod facts;
mod files;
mod http;
mod ids;
mod jobs;
mod log;
mod storage;
mod timers;

pub(crate) use log::line;
use wasmtime::component::{HasSelf, Linker};

use crate::KernelError;
use crate::bindings::forecourt::kernel as interfaces;
use crate::state::CallState;

/// Adds every kernel interface to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> Result<(), KernelError> {
    let add = || -> wasmtime::Result<()> {
        interfaces::storage::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::events::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::identity::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::ids::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::modules::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::http::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::files::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::timers::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
        interfaces::jobs::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    };
    let mut add = add;
    add().map_err(|error| KernelError::Engine(format!("{error:#}")))
}
