//! The area plugins as components, built by this crate's build script.
//!
//! It holds bytes and their names and knows nothing of what is in them: the kernel publishes these components as it would any
//! other.
#![deny(missing_docs)]

/// A component that comes with the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The plugin's name, as in its manifest.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// Every bundled plugin, each after those whose areas it imports.
pub const PLUGINS: &[Bundled] = &[
    Bundled { name: "parts", bytes: include_bytes!(concat!(env!("OUT_DIR"), "/parts.wasm")) },
    Bundled { name: "repair", bytes: include_bytes!(concat!(env!("OUT_DIR"), "/repair.wasm")) },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The first eight bytes of every component (a core module's differ from the fifth on).
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn count(haystack: &[u8], needle: &[u8]) -> usize {
        haystack.windows(needle.len()).filter(|window| *window == needle).count()
    }

    #[test]
    fn each_is_a_component_that_carries_its_manifest_labels_and_wit_once() {
        for plugin in PLUGINS {
            assert!(plugin.bytes.starts_with(COMPONENT), "{}", plugin.name);
            for section in ["forecourt:manifest@1", "forecourt:labels@1", "forecourt:wit@1"] {
                assert_eq!(count(plugin.bytes, section.as_bytes()), 1, "{} {section}", plugin.name);
            }
            let about = format!("[plugin]\nname = \"{}\"\n", plugin.name);
            assert_eq!(count(plugin.bytes, about.as_bytes()), 1, "{}", plugin.name);
        }
    }

    #[test]
    fn the_wit_is_documented() {
        for plugin in PLUGINS {
            assert_eq!(count(plugin.bytes, b"/// Semantic types. Each is an alias"), 1, "{}", plugin.name);
        }
    }

    #[test]
    fn none_is_larger_than_it_has_reason_to_be() {
        for plugin in PLUGINS {
            assert!(plugin.bytes.len() < 800 * 1024, "{} has {} bytes", plugin.name, plugin.bytes.len());
        }
    }
}
