//! Which files a value names.

use serde_json::Value;

use crate::check::{escaped, single};
use crate::rule::{FieldError, Rule};
use crate::semantic::Semantic;
use crate::types::{Case, Type};

/// A file that a value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// JSON pointer (RFC 6901) to the name.
    pub pointer: String,
    /// The name: the SHA-256 of the file's content, 64 hexadecimal digits.
    pub sha256: String,
}

impl FileRef {
    /// The refusal of a name under which nothing is kept.
    #[must_use]
    pub fn unknown(self) -> FieldError {
        const UNKNOWN: Rule =
            Rule::fixed("unknown-file", "names a file that is not here: upload it first", "所指文件不存在：请先上传");
        FieldError { pointer: self.pointer, rule: UNKNOWN }
    }
}

impl Type {
    /// Whether a value of this type may name files.
    #[must_use]
    pub fn names_files(&self) -> bool {
        self.any(&mut |ty| matches!(ty, Type::Alias(alias) if alias.semantic == Some(Semantic::FileRef)))
    }
}

/// The files that a canonical value of type `ty` names, in the order of the type's fields; one that is named twice is given twice.
#[must_use]
pub fn file_refs(ty: &Type, value: &Value) -> Vec<FileRef> {
    let mut found = Vec::new();
    find(ty, value, "", &mut found);
    found
}

fn find(ty: &Type, value: &Value, pointer: &str, found: &mut Vec<FileRef>) {
    if ty.semantic() == Some(Semantic::FileRef) {
        if let Value::String(sha256) = value {
            found.push(FileRef { pointer: pointer.to_owned(), sha256: sha256.clone() });
        }
        return;
    }
    let mut within = |ty: &Type, value: &Value, segment: &str| {
        find(ty, value, &format!("{pointer}/{}", escaped(segment)), found);
    };
    match (ty.resolved(), value) {
        (Type::Option(inner), value) => find(inner, value, pointer, found),
        (Type::List(item), Value::Array(items)) => {
            items.iter().enumerate().for_each(|(at, value)| within(item, value, &at.to_string()));
        }
        (Type::Tuple(types), Value::Array(items)) => {
            types.iter().zip(items).enumerate().for_each(|(at, (ty, value))| within(ty, value, &at.to_string()));
        }
        (Type::Record(record), Value::Object(object)) => {
            for field in &record.fields {
                if let Some(value) = object.get(&*field.json) {
                    within(&field.ty, value, &field.json);
                }
            }
        }
        (Type::Variant(variant), Value::Object(object)) => {
            let named = |name: &str| variant.cases.iter().find(|case| *case.json == *name);
            if let Some((name, value)) = single(object)
                && let Some(Case { ty: Some(ty), .. }) = named(name)
            {
                within(ty, value, name);
            }
        }
        (Type::Result(result), Value::Object(object)) => {
            for (name, side) in [("ok", &result.ok), ("err", &result.err)] {
                if let (Some(ty), Some(value)) = (side, object.get(name)) {
                    within(ty, value, name);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::type_of;

    const WIT: &str = "package forecourt:a@0.1.0;
    interface t {
        use forecourt:common/types@0.1.0.{file-ref, vin};
        type scan = file-ref;
        variant proof { none, paper(scan), said(string) }
        record page { image: scan, note: string }
        record everything {
            front: file-ref, back: option<scan>, pages: list<page>, proof: proof, pair: tuple<string, file-ref>,
            outcome: result<file-ref, string>, text: string,
        }
        record nothing { vin: vin, text: list<string> }
    }";

    fn of(name: &str) -> Type {
        type_of(WIT, "forecourt:a/t@0.1.0", name)
    }

    #[test]
    fn every_file_is_found_where_it_is_named() {
        let ty = of("everything");
        assert!(ty.names_files() && !of("nothing").names_files());
        let value = json!({
            "front": "a", "back": "b", "pages": [{ "image": "c", "note": "x" }, { "image": "d", "note": "y" }],
            "proof": { "paper": "e" }, "pair": ["z", "f"], "outcome": { "ok": "g" }, "text": "h",
        });
        let found: Vec<_> = file_refs(&ty, &value).into_iter().map(|found| (found.pointer, found.sha256)).collect();
        let expected = [
            ("/front", "a"),
            ("/back", "b"),
            ("/pages/0/image", "c"),
            ("/pages/1/image", "d"),
            ("/proof/paper", "e"),
            ("/pair/1", "f"),
            ("/outcome/ok", "g"),
        ];
        assert_eq!(found, expected.map(|(pointer, sha256)| (pointer.to_owned(), sha256.to_owned())));
        let bare = json!({
            "front": "a", "back": null, "pages": [], "proof": "none", "pair": ["z", "f"], "outcome": { "err": "g" }, "text": "h",
        });
        assert_eq!(file_refs(&ty, &bare).len(), 2);
        assert!(file_refs(&of("nothing"), &json!({ "vin": "a", "text": ["b"] })).is_empty());
    }
}
