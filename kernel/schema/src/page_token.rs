//! Which parameter held a page token that no answer gave.

use serde_json::Value;

use crate::rule::FieldError;
use crate::semantic::{Semantic, ids};
use crate::types::Type;

/// The field of `params`, a record, that holds `token` as its page token in `arguments`, with the rule that such a token breaks. None where the token
/// stands in no field of that type: then the plugin made it.
#[must_use]
pub fn refused_page_token(params: &Type, arguments: &Value, token: &str) -> Option<FieldError> {
    find(params, arguments, token, String::new()).map(|pointer| FieldError { pointer, rule: ids::PAGE })
}

fn find(ty: &Type, value: &Value, token: &str, pointer: String) -> Option<String> {
    if ty.semantic() == Some(Semantic::PageToken) {
        return (value.as_str() == Some(token)).then_some(pointer);
    }
    match ty.resolved() {
        Type::Option(inner) => find(inner, value, token, pointer),
        Type::Record(record) => record
            .fields
            .iter()
            .find_map(|field| find(&field.ty, value.get(&*field.json)?, token, format!("{pointer}/{}", field.json))),
        _ => None,
    }
}
