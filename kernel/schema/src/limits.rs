//! Bounds on what a component may declare, beside those of `forecourt_base::limits`.

/// Nesting of one type.
pub const TYPE_DEPTH: usize = forecourt_base::limits::JSON_DEPTH;
/// Nodes of one type written out as a tree.
pub const TYPE_NODES: usize = 20_000;
/// Nodes of all types of one component's operations, records and events written out as trees.
pub const COMPONENT_TYPE_NODES: usize = 400_000;
/// WIT packages embedded in one component.
pub const WIT_PACKAGES: usize = 64;
/// Interfaces embedded in one component, with those that its packages name of one another.
pub const WIT_INTERFACES: usize = 500;
/// Modules and components nested within a component.
pub const COMPONENT_NESTING: usize = 8;
/// Operations of one component.
pub const OPERATIONS: usize = 2_000;
/// Collections of one plugin.
pub const COLLECTIONS: usize = 100;
/// Indexes of one collection.
pub const INDEXES: usize = 16;
/// Fields of one index.
pub const INDEX_FIELDS: usize = 8;
/// Topics, imports, powers or mapped operations of one manifest, each.
pub const MANIFEST_ENTRIES: usize = 2_000;
/// Languages of labels.
pub const LABEL_LANGUAGES: usize = 16;
/// Problems reported at once.
pub const PROBLEMS: usize = 50;
/// Wrong fields reported at once.
pub const FIELD_ERRORS: usize = 50;
/// Characters of one fragment of a text index.
pub const FRAGMENT_CHARACTERS: usize = 32;

const _: () = {
    assert!(TYPE_NODES <= COMPONENT_TYPE_NODES);
    assert!(INDEXES <= forecourt_base::limits::RECORD_INDEX_ENTRIES);
};
