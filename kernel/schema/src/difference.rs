//! Whether values of one type can stand where another is expected, and how.

use std::fmt;
use std::sync::Arc;

use forecourt_base::Bilingual;

use crate::error::both;
use crate::types::{Case, Field};
use crate::{Interface, Operation, Type};

/// How a value of one type becomes one of another. Names are WIT's, as component values carry them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversion {
    /// The value stays as it is.
    Same,
    /// `value` becomes `some(value)`.
    Some(Box<Conversion>),
    /// The value within `some` is converted.
    Option(Box<Conversion>),
    /// Each item is converted.
    List(Box<Conversion>),
    /// Each item is converted by its own rule.
    Tuple(Vec<Conversion>),
    /// A record is made anew, field by field.
    Record(Vec<FieldConversion>),
    /// The values within `ok` and `err` are converted.
    Result {
        /// For `ok`.
        ok: Box<Conversion>,
        /// For `err`.
        err: Box<Conversion>,
    },
    /// The case decides; one entry for each case of the given type, in its order.
    Variant(Vec<CaseConversion>),
}

/// Where a field of the expected record comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldConversion {
    /// The field's name.
    pub name: Arc<str>,
    /// The position of the given record's field and how it is converted; none makes the option `none`.
    pub from: Option<(usize, Conversion)>,
}

/// What becomes of a case of the given variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseConversion {
    /// The case's name.
    pub name: Arc<str>,
    /// What it becomes.
    pub to: CaseTarget,
}

/// What a case becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseTarget {
    /// The case of the same name, its value converted.
    Case(Conversion),
    /// `other` with the name of the case as its code; what the case carried is dropped.
    Other,
}

/// How a call is taken over from an importer's view of an operation to the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallConversion {
    /// The provider's parameters.
    pub params: Vec<FieldConversion>,
    /// From the provider's result to the importer's.
    pub result: Conversion,
}

/// One reason why values do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, such as `approve.order.lines[].quantity`.
    pub path: String,
    /// What.
    pub what: Bilingual,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.what)
    }
}

impl Difference {
    /// Where and what, in both languages.
    #[must_use]
    pub fn bilingual(&self) -> Bilingual {
        let around = |what: &str| format!("`{}` {what}", self.path);
        self.what.around(around, around)
    }
}

impl Conversion {
    /// Whether values stay as they are.
    #[must_use]
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same)
    }
}

impl CallConversion {
    /// Whether parameters and result stay as they are.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let kept = |(at, field): (usize, &FieldConversion)| field.from == Some((at, Conversion::Same));
        self.result.is_same() && self.params.iter().enumerate().all(kept)
    }
}

/// How a value of `from` becomes one where `to` is expected. Fields that `to` does not have are dropped, options that `from` does not have
/// are `none`, and cases that `to` does not have become its `other(string)`, if it has that.
///
/// # Errors
/// Every reason why some value of `from` has no place in `to`.
pub fn difference(from: &Type, to: &Type) -> Result<Conversion, Vec<Difference>> {
    let mut comparison = Comparison::default();
    let conversion = comparison.types(from, to);
    comparison.finish(conversion)
}

/// How a call by `importer`'s view of an operation reaches `provider`'s.
///
/// # Errors
/// Every reason why it does not.
pub fn call_conversion(importer: &Operation, provider: &Operation) -> Result<CallConversion, Vec<Difference>> {
    let mut comparison = Comparison { path: importer.name.clone(), differences: Vec::new() };
    let params = comparison.fields(&importer.params, &provider.params);
    let (ok, err) = match (importer.returns_result, provider.returns_result) {
        (true, true) => {
            (comparison.side(&provider.ok, &importer.ok, ".ok"), comparison.side(&provider.err, &importer.err, ".err"))
        }
        (false, false) => {
            let result = comparison.side(&provider.ok, &importer.ok, ".result");
            return comparison.finish(CallConversion { params, result });
        }
        _ => {
            comparison.report(both!("returns a result on one side only", "只有一侧返回 result"));
            (Conversion::Same, Conversion::Same)
        }
    };
    let same = ok.is_same() && err.is_same();
    let result = if same { Conversion::Same } else { Conversion::Result { ok: Box::new(ok), err: Box::new(err) } };
    comparison.finish(CallConversion { params, result })
}

/// What keeps `importer`'s view of an interface from being served by `provider`; empty when every function it has exists and converts.
#[must_use]
pub fn interface_difference(importer: &Interface, provider: &Interface) -> Vec<Difference> {
    let mut differences = Vec::new();
    for operation in &importer.operations {
        match provider.operation(&operation.name) {
            Some(provided) => differences.extend(call_conversion(operation, provided).err().unwrap_or_default()),
            None => differences.push(Difference {
                path: operation.name.clone(),
                what: both!("is not among the provider's operations", "不在提供方的操作之中"),
            }),
        }
    }
    differences
}

#[derive(Default)]
struct Comparison {
    path: String,
    differences: Vec<Difference>,
}

impl Comparison {
    fn finish<T>(self, done: T) -> Result<T, Vec<Difference>> {
        if self.differences.is_empty() { Ok(done) } else { Err(self.differences) }
    }

    fn report(&mut self, what: Bilingual) {
        self.differences.push(Difference { path: self.path.clone(), what });
    }

    fn within<T>(&mut self, segment: &str, compare: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        let segment = if length == 0 { segment.trim_start_matches('.') } else { segment };
        self.path.push_str(segment);
        let done = compare(self);
        self.path.truncate(length);
        done
    }

    fn at<T>(&mut self, name: &str, compare: impl FnOnce(&mut Self) -> T) -> T {
        self.within(&format!(".{name}"), compare)
    }

    fn types(&mut self, from: &Type, to: &Type) -> Conversion {
        let boxed = |conversion: Conversion, make: fn(Box<Conversion>) -> Conversion| match conversion {
            Conversion::Same => Conversion::Same,
            changed => make(Box::new(changed)),
        };
        match (from.resolved(), to.resolved()) {
            (from, to) if from == to => Conversion::Same,
            (Type::Option(from), Type::Option(to)) => boxed(self.types(from, to), Conversion::Option),
            (from, Type::Option(to)) => Conversion::Some(Box::new(self.types(from, to))),
            (Type::List(from), Type::List(to)) => {
                let item = self.within("[]", |this| this.types(from, to));
                boxed(item, Conversion::List)
            }
            (Type::Tuple(from), Type::Tuple(to)) if from.len() == to.len() => {
                let pairs = from.iter().zip(to.iter()).enumerate();
                let items: Vec<Conversion> =
                    pairs.map(|(at, (from, to))| self.at(&at.to_string(), |this| this.types(from, to))).collect();
                if items.iter().all(Conversion::is_same) { Conversion::Same } else { Conversion::Tuple(items) }
            }
            (Type::Record(from), Type::Record(to)) => {
                let fields = self.fields(&from.fields, &to.fields);
                let kept = |(at, field): (usize, &FieldConversion)| field.from == Some((at, Conversion::Same));
                let same = from.fields.len() == to.fields.len() && fields.iter().enumerate().all(kept);
                if same { Conversion::Same } else { Conversion::Record(fields) }
            }
            (Type::Result(from), Type::Result(to)) => {
                let ok = self.side(&from.ok, &to.ok, ".ok");
                let err = self.side(&from.err, &to.err, ".err");
                let same = ok.is_same() && err.is_same();
                if same { Conversion::Same } else { Conversion::Result { ok: Box::new(ok), err: Box::new(err) } }
            }
            (Type::Variant(from), Type::Variant(to)) => self.variant(&from.cases, &to.cases),
            (Type::Enum(from), Type::Enum(to)) => self.names(&from.cases, &to.cases),
            (Type::Flags(from), Type::Flags(to)) => self.names(&from.cases, &to.cases),
            _ => {
                self.report(both!("is `{}` where `{}` is expected", "是 `{}`，应为 `{}`", from.label(), to.label()));
                Conversion::Same
            }
        }
    }

    fn fields(&mut self, from: &[Field], to: &[Field]) -> Vec<FieldConversion> {
        let mut fields = Vec::with_capacity(to.len());
        for field in to {
            let given = from.iter().enumerate().find(|(_, given)| given.name == field.name);
            let source = match given {
                Some((at, given)) => Some((at, self.at(&field.name, |this| this.types(&given.ty, &field.ty)))),
                None => {
                    if !matches!(field.ty.resolved(), Type::Option(_)) {
                        self.at(&field.name, |this| this.report(both!("is required but not given", "必填但未提供")));
                    }
                    None
                }
            };
            fields.push(FieldConversion { name: field.name.clone(), from: source });
        }
        fields
    }

    fn side(&mut self, from: &Option<Type>, to: &Option<Type>, segment: &str) -> Conversion {
        self.within(segment, |this| match (from, to) {
            (None, None) => Conversion::Same,
            (Some(from), Some(to)) => this.types(from, to),
            (Some(_), None) => {
                this.report(both!("has a value where none is expected", "有值，但不应有值"));
                Conversion::Same
            }
            (None, Some(_)) => {
                this.report(both!("has no value where one is expected", "没有值，但应有值"));
                Conversion::Same
            }
        })
    }

    fn variant(&mut self, from: &[Case], to: &[Case]) -> Conversion {
        let other = to
            .iter()
            .any(|case| &*case.name == "other" && matches!(case.ty.as_ref().map(Type::resolved), Some(Type::String)));
        let mut cases = Vec::with_capacity(from.len());
        for case in from {
            let target = match to.iter().find(|expected| expected.name == case.name) {
                Some(expected) => CaseTarget::Case(self.side(&case.ty, &expected.ty, &format!(".{}", case.name))),
                None if other => CaseTarget::Other,
                None => {
                    self.at(&case.name, |this| this.report(both!("is a case that is not expected", "是未预期的情形")));
                    CaseTarget::Other
                }
            };
            cases.push(CaseConversion { name: case.name.clone(), to: target });
        }
        let same = cases.iter().all(|case| case.to == CaseTarget::Case(Conversion::Same));
        if same { Conversion::Same } else { Conversion::Variant(cases) }
    }

    fn names(&mut self, from: &[Case], to: &[Case]) -> Conversion {
        for case in from.iter().filter(|case| !to.iter().any(|expected| expected.name == case.name)) {
            self.at(&case.name, |this| this.report(both!("is a case that is not expected", "是未预期的情形")));
        }
        Conversion::Same
    }
}

#[cfg(test)]
mod tests;
