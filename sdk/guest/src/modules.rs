//! What is enabled in the calling store.

use crate::private::wit::forecourt::kernel::modules;

/// Whether an interface such as `forecourt:parts/stock` is enabled here.
#[must_use]
pub fn enabled(interface: &str) -> bool {
    modules::enabled(interface)
}
