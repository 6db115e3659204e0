//! Query strings, and paths.

use std::collections::HashSet;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use forecourt_schema::{Field, FieldError, Rule, Type, json_name};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::{fields, table};

/// The fields of a query string.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

/// The variable segments of a path. A segment that can't name anything leads nowhere.
#[derive(Debug)]
pub(crate) struct Segments<T>(pub(crate) T);

/// No field at all: what a query string names here would have no effect, so it is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let object = texts(&parts.uri)?.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        fields::read(Value::Object(object)).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(Problem::new(&table::UNKNOWN_PATH)),
        }
    }
}

/// The names and texts of a query string, no name twice.
pub(crate) fn texts(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = pairs.map_err(|error| Problem::field(malformed("", error.body_text())))?;
    let mut seen = HashSet::new();
    match pairs.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        None => Ok(pairs),
        Some((name, _)) => {
            let rule = Rule { code: "duplicate", en: "is given twice".into(), zh: "重复出现".into() };
            Err(Problem::field(FieldError { pointer: pointer(name), rule }))
        }
    }
}

fn pointer(name: &str) -> String {
    let mut pointer = String::new();
    crate::strict::push(&mut pointer, name);
    pointer
}

fn malformed(pointer: &str, text: String) -> FieldError {
    let zh = format!("格式有误：{text}").into();
    FieldError { pointer: pointer.to_owned(), rule: Rule { code: "malformed", en: text.into(), zh } }
}

/// The arguments that a query string gives to an operation with these parameters. Texts that are not of their parameter's type, and names of
/// no parameter, stay as they are: the runtime refuses them, once it knows that the caller may ask at all.
pub(crate) fn arguments(texts: Vec<(String, String)>, params: Option<&[Field]>) -> Value {
    let mut object = Map::new();
    for (name, text) in texts {
        let json = json_name(&name);
        let param = params.unwrap_or_default().iter().find(|param| *param.json == *json);
        let value = param.map_or_else(|| Value::String(text.clone()), |param| scalar(&param.ty, &text));
        object.insert(name, value);
    }
    Value::Object(object)
}

fn scalar(ty: &Type, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    match ty.resolved() {
        Type::Option(inner) => match inner.resolved() {
            Type::String | Type::Char => as_text(),
            _ if text.is_empty() => Value::Null,
            inner => scalar(inner, text),
        },
        Type::Bool => text.parse().map_or_else(|_| as_text(), Value::Bool),
        Type::S8 | Type::S16 | Type::S32 | Type::S64 => text.parse::<i64>().map_or_else(|_| as_text(), Value::from),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => text.parse::<u64>().map_or_else(|_| as_text(), Value::from),
        // Infinities stay text, for JSON has none.
        Type::F32 | Type::F64 => {
            let number = text.parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or_else(as_text, Value::Number)
        }
        _ => as_text(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn given(query: &str) -> Result<Vec<(String, String)>, Problem> {
        texts(&format!("/x?{query}").parse().unwrap())
    }

    #[test]
    fn texts_become_scalars_of_the_declared_types() {
        let optional = |ty| Type::Option(Arc::new(ty));
        let params = [
            ("id", Type::String),
            ("open-now", Type::Bool),
            ("count", Type::U32),
            ("delta", Type::S64),
            ("rate", Type::F64),
            ("limit", optional(Type::U32)),
            ("after", optional(Type::String)),
            ("many", Type::List(Arc::new(Type::U32))),
        ]
        .map(|(name, ty)| Field::new(name, "", ty));
        let read = |query: &str| arguments(given(query).unwrap(), Some(&params));
        assert_eq!(
            read("id=12&open_now=true&count=7&delta=-9007199254740993&rate=0.5&limit=&after="),
            json!({
                "id": "12", "open_now": true, "count": 7, "delta": -9_007_199_254_740_993_i64, "rate": 0.5,
                "limit": null, "after": ""
            })
        );
        assert_eq!(
            read("open-now=yes&count=-1&rate=inf&limit=5"),
            json!({ "open-now": "yes", "count": "-1", "rate": "inf", "limit": 5 })
        );
        assert_eq!(read("many=1&other=2"), json!({ "many": "1", "other": "2" }));
        assert_eq!(read("id=%E4%BA%ACA%2B1+2"), json!({ "id": "京A+1 2" }));
        assert_eq!(arguments(given("id=1").unwrap(), None), json!({ "id": "1" }));
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let problem = given("a=1&b=2&a=3").unwrap_err();
        assert_eq!((problem.errors()[0].pointer.as_str(), problem.errors()[0].rule.code), ("/a", "duplicate"));
    }
}
