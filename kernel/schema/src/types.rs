//! WIT value types as the kernel uses them: a tree with shared branches, with docs, and with both spellings of every name.

use std::sync::Arc;

use crate::Semantic;

/// A type of values. Resources, handles, streams, futures and maps have no place here: they are refused when a component is read.
///
/// INVARIANT (bounded-types): types read from a component are at most [`crate::limits::TYPE_DEPTH`] deep and, written out as a tree, hold
/// at most [`crate::limits::TYPE_NODES`] nodes; so walking one may recurse.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the plain cases are WIT's own")]
pub enum Type {
    Bool,
    S8,
    S16,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Arc<Type>),
    Option(Arc<Type>),
    Result(Arc<ResultType>),
    Tuple(Arc<[Type]>),
    Record(Arc<Record>),
    Variant(Arc<Variant>),
    Enum(Arc<Enum>),
    Flags(Arc<Flags>),
    /// A name for another type, kept only where the name is semantic or documented.
    Alias(Arc<Alias>),
}

/// `result<ok, err>`.
#[derive(Debug, Clone)]
pub struct ResultType {
    /// The type of `ok`, if it carries a value.
    pub ok: Option<Type>,
    /// The type of `err`, if it carries a value.
    pub err: Option<Type>,
}

/// A record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its name, in kebab case.
    pub name: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// The interface that declares it, `forecourt:repair/records@0.1.0`.
    pub owner: Arc<str>,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// A field of a record, or a parameter of an operation.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in WIT, in kebab case.
    pub name: Arc<str>,
    /// Its name in JSON, in snake case.
    pub json: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// Its type.
    pub ty: Type,
}

/// A variant.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its name, in kebab case.
    pub name: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// The interface that declares it.
    pub owner: Arc<str>,
    /// Its cases in order.
    pub cases: Vec<Case>,
}

/// A case of a variant, an enum or flags; the latter two carry no value.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name in WIT, in kebab case.
    pub name: Arc<str>,
    /// Its name in JSON, in snake case.
    pub json: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// What the case carries.
    pub ty: Option<Type>,
}

/// An enum.
#[derive(Debug, Clone)]
pub struct Enum {
    /// Its name, in kebab case.
    pub name: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// The interface that declares it.
    pub owner: Arc<str>,
    /// Its cases in order.
    pub cases: Vec<Case>,
}

/// Flags.
#[derive(Debug, Clone)]
pub struct Flags {
    /// Their name, in kebab case.
    pub name: Arc<str>,
    /// Their docs.
    pub docs: Arc<str>,
    /// The interface that declares them.
    pub owner: Arc<str>,
    /// The flags in order.
    pub cases: Vec<Case>,
}

/// A name for another type.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name, in kebab case.
    pub name: Arc<str>,
    /// Its docs.
    pub docs: Arc<str>,
    /// The interface that declares it.
    pub owner: Arc<str>,
    /// The rule that the name stands for, if it is one of `forecourt:common/types`.
    pub semantic: Option<Semantic>,
    /// The type that is named.
    pub target: Type,
}

/// The JSON spelling of a WIT name.
#[must_use]
pub fn json_name(kebab: &str) -> String {
    kebab.replace('-', "_")
}

impl Field {
    /// A field; its JSON name follows from `name`.
    #[must_use]
    pub fn new(name: &str, docs: &str, ty: Type) -> Self {
        Self { name: name.into(), json: json_name(name).into(), docs: docs.into(), ty }
    }
}

impl Case {
    /// A case; its JSON name follows from `name`.
    #[must_use]
    pub fn new(name: &str, docs: &str, ty: Option<Type>) -> Self {
        Self { name: name.into(), json: json_name(name).into(), docs: docs.into(), ty }
    }
}

impl Type {
    /// The type behind any aliases.
    #[must_use]
    pub fn resolved(&self) -> &Type {
        let mut ty = self;
        while let Type::Alias(alias) = ty {
            ty = &alias.target;
        }
        ty
    }

    /// The semantic type that the type's name, or a name behind it, stands for.
    #[must_use]
    pub fn semantic(&self) -> Option<Semantic> {
        let mut ty = self;
        while let Type::Alias(alias) = ty {
            if alias.semantic.is_some() {
                return alias.semantic;
            }
            ty = &alias.target;
        }
        None
    }

    /// The type's own name, its declaring interface and its docs, if it has a name.
    #[must_use]
    pub fn declared(&self) -> Option<(&str, &str, &str)> {
        match self {
            Type::Record(ty) => Some((&ty.name, &ty.owner, &ty.docs)),
            Type::Variant(ty) => Some((&ty.name, &ty.owner, &ty.docs)),
            Type::Enum(ty) => Some((&ty.name, &ty.owner, &ty.docs)),
            Type::Flags(ty) => Some((&ty.name, &ty.owner, &ty.docs)),
            Type::Alias(ty) => Some((&ty.name, &ty.owner, &ty.docs)),
            _ => None,
        }
    }

    /// Calls `visit` for this type and all within it, in order, until `visit` answers true; answers whether it did.
    pub fn any(&self, visit: &mut dyn FnMut(&Type) -> bool) -> bool {
        if visit(self) {
            return true;
        }
        match self {
            Type::List(item) | Type::Option(item) => item.any(visit),
            Type::Result(result) => [&result.ok, &result.err].into_iter().flatten().any(|ty| ty.any(visit)),
            Type::Tuple(items) => items.iter().any(|ty| ty.any(visit)),
            Type::Record(record) => record.fields.iter().any(|field| field.ty.any(visit)),
            Type::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(|ty| ty.any(visit)),
            Type::Alias(alias) => alias.target.any(visit),
            _ => false,
        }
    }

    /// Whether a value of this type may hold personal data.
    #[must_use]
    pub fn personal(&self) -> bool {
        self.any(&mut |ty| matches!(ty, Type::Alias(alias) if alias.semantic.is_some_and(Semantic::personal)))
    }

    /// What people call such a type in WIT: the declared name, or the shape.
    #[must_use]
    pub fn label(&self) -> String {
        if let Some((name, ..)) = self.declared() {
            return name.to_owned();
        }
        let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), Type::label);
        match self {
            Type::List(item) => format!("list<{}>", item.label()),
            Type::Option(item) => format!("option<{}>", item.label()),
            Type::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
            Type::Tuple(items) => format!("tuple<{}>", items.iter().map(Type::label).collect::<Vec<_>>().join(", ")),
            Type::Bool => "bool".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String => "string".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// Types are equal when their values are interchangeable without conversion: names of types, docs and aliases do not count, names and
/// order of fields and cases do.
impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        let cases = |a: &[Case], b: &[Case]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && a.ty == b.ty)
        };
        match (self.resolved(), other.resolved()) {
            (Type::List(a), Type::List(b)) | (Type::Option(a), Type::Option(b)) => Arc::ptr_eq(a, b) || a == b,
            (Type::Result(a), Type::Result(b)) => Arc::ptr_eq(a, b) || (a.ok == b.ok && a.err == b.err),
            (Type::Tuple(a), Type::Tuple(b)) => a == b,
            (Type::Record(a), Type::Record(b)) => {
                Arc::ptr_eq(a, b)
                    || (a.fields.len() == b.fields.len()
                        && a.fields.iter().zip(&b.fields).all(|(a, b)| a.name == b.name && a.ty == b.ty))
            }
            (Type::Variant(a), Type::Variant(b)) => Arc::ptr_eq(a, b) || cases(&a.cases, &b.cases),
            (Type::Enum(a), Type::Enum(b)) => Arc::ptr_eq(a, b) || cases(&a.cases, &b.cases),
            (Type::Flags(a), Type::Flags(b)) => Arc::ptr_eq(a, b) || cases(&a.cases, &b.cases),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl Eq for Type {}
