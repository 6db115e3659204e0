//! The values that indexes are made of.

/// One value of an index entry. Ordered as indexes are: absent, then booleans, integers, text by code point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// The field is absent.
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// Text, or the case of an enum.
    Text(String),
}
