//! JSON Schema of WIT types; each named type once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::types::{Case, Field};
use crate::{Labels, Type};

/// Named types gathered so far.
pub(super) struct Schemas<'a> {
    /// Labels of the plugin that is described now.
    pub(super) labels: Option<&'a Labels>,
    language: &'a str,
    schemas: Map<String, Value>,
    named: HashMap<String, Type>,
}

/// Whether a field of this type may be left out.
pub(super) fn is_option(ty: &Type) -> bool {
    matches!(ty.resolved(), Type::Option(_))
}

fn describe(schema: &mut Map<String, Value>, docs: &str) {
    if !docs.is_empty() {
        schema.insert("description".to_owned(), json!(docs));
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

impl<'a> Schemas<'a> {
    pub(super) fn new(language: &'a str) -> Self {
        Self { labels: None, language, schemas: Map::new(), named: HashMap::new() }
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        self.schemas
    }

    /// Adds the labels of `id`: the one in the wanted language under `key`, all under `x-labels`.
    pub(super) fn label(&self, schema: &mut Map<String, Value>, id: &str, key: &str) {
        let Some(labels) = self.labels else { return };
        if let Some(label) = labels.get(self.language, id) {
            schema.insert(key.to_owned(), json!(label));
        }
        let all: Map<String, Value> =
            labels.all(id).map(|(language, label)| (language.to_owned(), json!(label))).collect();
        if !all.is_empty() {
            schema.insert("x-labels".to_owned(), Value::Object(all));
        }
    }

    /// The schema of a value that may not be left out, where an option means that it may.
    pub(super) fn required(&mut self, ty: &Type) -> Value {
        match ty.resolved() {
            Type::Option(inner) => self.schema(inner),
            _ => self.schema(ty),
        }
    }

    /// An object of these fields or parameters; `id` is the label's id of what has them.
    pub(super) fn object(&mut self, id: &str, fields: &[Field]) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in fields {
            let mut schema = object(self.schema(&field.ty));
            describe(&mut schema, &field.docs);
            self.label(&mut schema, &format!("{id}.{}", field.name), "title");
            properties.insert(field.json.to_string(), Value::Object(schema));
            if !is_option(&field.ty) {
                required.push(field.json.to_string());
            }
        }
        let mut schema = object(json!({ "type": "object", "properties": properties, "additionalProperties": false }));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        Value::Object(schema)
    }

    /// The schema of a type: a reference where it has a name.
    pub(super) fn schema(&mut self, ty: &Type) -> Value {
        let Some((name, owner, docs)) = ty.declared() else { return self.anonymous(ty) };
        let owner = owner.split_once('@').map_or(owner, |(owner, _)| owner);
        let label_id = format!("{owner}.{name}");
        let short = owner.strip_prefix("forecourt:").unwrap_or(owner);
        let key = self.key(&format!("{short}.{name}").replace(['/', ':'], "."), ty);
        if !self.schemas.contains_key(&key) {
            self.schemas.insert(key.clone(), Value::Null);
            let mut schema = object(self.declared(ty, &label_id));
            describe(&mut schema, docs);
            self.label(&mut schema, &label_id, "title");
            self.schemas.insert(key.clone(), Value::Object(schema));
        }
        json!({ "$ref": format!("#/components/schemas/{key}") })
    }

    /// A key of its own for every shape: versions of a package may be enabled side by side.
    fn key(&mut self, name: &str, ty: &Type) -> String {
        let mut key = name.trim_start_matches('.').to_owned();
        let mut number = 1;
        loop {
            match self.named.get(&key) {
                Some(known) if known == ty => return key,
                Some(_) => {
                    number += 1;
                    key = format!("{name}.{number}");
                }
                None => {
                    self.named.insert(key.clone(), ty.clone());
                    return key;
                }
            }
        }
    }

    fn declared(&mut self, ty: &Type, label_id: &str) -> Value {
        match ty {
            Type::Record(record) => self.object(label_id, &record.fields),
            Type::Variant(variant) => {
                let cases: Vec<Value> = variant.cases.iter().map(|case| self.case(case, label_id)).collect();
                json!({ "oneOf": cases })
            }
            Type::Enum(ty) => self.names(&ty.cases, label_id),
            Type::Flags(flags) => {
                json!({ "type": "array", "items": self.names(&flags.cases, label_id), "uniqueItems": true })
            }
            Type::Alias(alias) => {
                let mut schema = object(self.schema(&alias.target));
                if let Some(semantic) = alias.semantic {
                    schema.insert("x-semantic".to_owned(), json!(semantic.name()));
                    if semantic.personal() {
                        schema.insert("x-personal".to_owned(), json!(true));
                    }
                    let format = match semantic {
                        crate::Semantic::Date => Some("date"),
                        crate::Semantic::Datetime => Some("date-time"),
                        _ => None,
                    };
                    schema.extend(format.map(|format| ("format".to_owned(), json!(format))));
                }
                Value::Object(schema)
            }
            _ => self.anonymous(ty),
        }
    }

    fn case(&mut self, case: &Case, label_id: &str) -> Value {
        let mut schema = match &case.ty {
            None => object(json!({ "const": &*case.json })),
            Some(ty) => {
                let payload = self.schema(ty);
                let mut properties = Map::new();
                properties.insert(case.json.to_string(), payload);
                object(json!({
                    "type": "object", "properties": properties, "required": [&*case.json], "additionalProperties": false,
                }))
            }
        };
        describe(&mut schema, &case.docs);
        self.label(&mut schema, &format!("{label_id}.{}", case.name), "title");
        Value::Object(schema)
    }

    fn names(&self, cases: &[Case], label_id: &str) -> Value {
        let names: Vec<&str> = cases.iter().map(|case| &*case.json).collect();
        let mut details = Map::new();
        for case in cases {
            let mut detail = Map::new();
            describe(&mut detail, &case.docs);
            self.label(&mut detail, &format!("{label_id}.{}", case.name), "title");
            if !detail.is_empty() {
                details.insert(case.json.to_string(), Value::Object(detail));
            }
        }
        let mut schema = object(json!({ "type": "string", "enum": names }));
        if !details.is_empty() {
            schema.insert("x-cases".to_owned(), Value::Object(details));
        }
        Value::Object(schema)
    }

    fn anonymous(&mut self, ty: &Type) -> Value {
        let integer = |format: &str, min: i64, max: i64| json!({ "type": "integer", "format": format, "minimum": min, "maximum": max });
        match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::S8 => integer("int8", i8::MIN.into(), i8::MAX.into()),
            Type::S16 => integer("int16", i16::MIN.into(), i16::MAX.into()),
            Type::S32 => integer("int32", i32::MIN.into(), i32::MAX.into()),
            Type::U8 => integer("uint8", 0, u8::MAX.into()),
            Type::U16 => integer("uint16", 0, u16::MAX.into()),
            Type::U32 => integer("uint32", 0, u32::MAX.into()),
            Type::S64 => json!({ "type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]{1,19}$" }),
            Type::U64 => {
                json!({ "type": ["integer", "string"], "format": "uint64", "minimum": 0, "pattern": "^[0-9]{1,20}$" })
            }
            Type::F32 => json!({ "type": "number", "format": "float" }),
            Type::F64 => json!({ "type": "number", "format": "double" }),
            Type::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Type::String => json!({ "type": "string" }),
            Type::List(item) => json!({ "type": "array", "items": self.schema(item) }),
            Type::Option(inner) => json!({ "anyOf": [self.schema(inner), { "type": "null" }] }),
            Type::Tuple(items) => {
                let schemas: Vec<Value> = items.iter().map(|item| self.schema(item)).collect();
                json!({ "type": "array", "prefixItems": schemas, "items": false, "minItems": items.len() })
            }
            Type::Result(result) => {
                let mut side = |name: &str, ty: &Option<Type>| {
                    let value = ty.as_ref().map_or_else(|| json!({ "type": "null" }), |ty| self.schema(ty));
                    json!({ "type": "object", "properties": { name: value }, "required": [name], "additionalProperties": false })
                };
                json!({ "oneOf": [side("ok", &result.ok), side("err", &result.err)] })
            }
            Type::Record(_) | Type::Variant(_) | Type::Enum(_) | Type::Flags(_) | Type::Alias(_) => self.schema(ty),
        }
    }
}
