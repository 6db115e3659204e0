//! What is fuzzed: functions over bytes that panic where something that must hold does not. Two runners share them: the coverage-guided one
//! of this workspace, and the seeded one of the ordinary suite (tests/tests/e2e/fuzz.rs).

mod component;
mod keys;
mod stored;
pub(crate) mod values;

/// Something that reads bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// Reads the bytes and checks what must hold of what was read.
    pub(crate) run: fn(&[u8]),
    /// Good inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub(crate) const ALL: [Target; 7] = [
    Target { name: "frame", run: stored::frame, seeds: stored::frames },
    Target { name: "block", run: stored::block, seeds: stored::blocks },
    Target { name: "keys", run: keys::keys, seeds: keys::seeds },
    Target { name: "value", run: values::value, seeds: values::seeds },
    Target { name: "manifest", run: component::manifest, seeds: component::manifests },
    Target { name: "wit", run: component::wit, seeds: component::wits },
    Target { name: "component", run: component::component, seeds: component::components },
];

/// A refusal must say why, in both languages.
pub(crate) fn told(en: &str, zh: &str) {
    assert!(!en.trim().is_empty(), "a refusal without a reason");
    assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "no Chinese for `{en}`: `{zh}`");
}
