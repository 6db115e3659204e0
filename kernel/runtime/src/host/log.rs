//! Structured lines from guests.

use crate::bindings::forecourt::kernel::log;
use crate::state::CallState;

const TARGET: &str = "forecourt::plugin";

/// Writes one guest line with the fields that say where it came from.
pub(crate) fn line(state: &mut CallState, level: log::Level, message: &str, fields: &str) -> wasmtime::Result<()> {
    let (plugin, version) = (state.module.plugin.clone(), state.module.version.clone());
    let tree = state.tree()?;
    tree.budget.log(message.len() + fields.len())?;
    let (scope, request_id) = (&tree.origin.scope, &tree.origin.request_id);
    match level {
        log::Level::Debug => {
            tracing::debug!(target: TARGET, %plugin, %version, %scope, %request_id, fields, "{message}")
        }
        log::Level::Info => tracing::info!(target: TARGET, %plugin, %version, %scope, %request_id, fields, "{message}"),
        log::Level::Warn => tracing::warn!(target: TARGET, %plugin, %version, %scope, %request_id, fields, "{message}"),
        log::Level::Error => {
            tracing::error!(target: TARGET, %plugin, %version, %scope, %request_id, fields, "{message}")
        }
    }
    Ok(())
}

impl log::Host for CallState {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.enter("log")?;
        let fields: serde_json::Map<String, serde_json::Value> =
            fields.into_iter().map(|(name, value)| (name, value.into())).collect();
        let fields = if fields.is_empty() { String::new() } else { serde_json::Value::Object(fields).to_string() };
        line(self, level, &message, &fields)
    }
}
