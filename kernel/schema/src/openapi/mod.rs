//! OpenAPI 3.1 of what is enabled somewhere.

mod schemas;

use serde_json::{Map, Value, json};

use crate::{Interface, Operation, OperationKind, PluginSchema};
use schemas::Schemas;

/// Describes the operations of `modules` under a path prefix such as `/v1/stores/bj01`. Titles are the labels in `language`; labels of all
/// languages stand in `x-labels`.
#[must_use]
pub fn openapi(title: &str, prefix: &str, modules: &[&PluginSchema], language: &str) -> Value {
    let mut schemas = Schemas::new(language);
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for module in modules {
        let about = &module.manifest.plugin;
        schemas.labels = Some(&module.labels);
        for interface in &module.exports {
            let Some(area) = interface.id.area() else { continue };
            let tag = format!("{area}/{}", interface.id.interface);
            let mut entry = described(&interface.docs);
            entry.insert("name".to_owned(), json!(tag));
            entry.insert("x-plugin".to_owned(), json!(format!("{}@{}", about.name, about.version)));
            entry.insert("x-interface".to_owned(), json!(interface.id.to_string()));
            schemas.label(&mut entry, &interface.id.unversioned(), "x-title");
            tags.push(Value::Object(entry));
            for operation in &interface.operations {
                let item = path_item(&mut schemas, &tag, interface, operation);
                paths.insert(format!("{prefix}/{tag}/{}", operation.name), item);
            }
        }
    }
    let mut all = schemas.finish();
    all.insert("problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "bearer": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "parameters": { "idempotency-key": idempotency_key() },
            "responses": { "failure": failure() },
            "schemas": all,
        },
    })
}

fn described(docs: &str) -> Map<String, Value> {
    let mut object = Map::new();
    if !docs.is_empty() {
        object.insert("description".to_owned(), json!(docs));
    }
    object
}

/// GET and POST for a query, POST alone for a command and for a query that takes personal data.
fn path_item(schemas: &mut Schemas<'_>, tag: &str, interface: &Interface, operation: &Operation) -> Value {
    let mut item = Map::new();
    let id = format!("{}.{}", interface.id.unversioned(), operation.name);
    let name = format!("{}.{}", tag.replace('/', "."), operation.name);
    let mut common = described(&operation.docs);
    common.insert("operationId".to_owned(), json!(name));
    common.insert("tags".to_owned(), json!([tag]));
    common.insert("x-kind".to_owned(), json!(if operation.kind == OperationKind::Query { "query" } else { "command" }));
    schemas.label(&mut common, &id, "summary");
    let responses = responses(schemas, operation);
    if operation.by_get() {
        let mut get = common.clone();
        get.insert("parameters".to_owned(), query_parameters(schemas, &id, operation));
        get.insert("responses".to_owned(), responses.clone());
        item.insert("get".to_owned(), Value::Object(get));
        common.insert("operationId".to_owned(), json!(format!("{name}.post")));
    }
    if operation.kind == OperationKind::Command {
        common.insert("parameters".to_owned(), json!([{ "$ref": "#/components/parameters/idempotency-key" }]));
    }
    let body = schemas.object(&id, &operation.params);
    common.insert(
        "requestBody".to_owned(),
        json!({ "required": true, "content": { "application/json": { "schema": body } } }),
    );
    common.insert("responses".to_owned(), responses);
    item.insert("post".to_owned(), Value::Object(common));
    Value::Object(item)
}

fn query_parameters(schemas: &mut Schemas<'_>, id: &str, operation: &Operation) -> Value {
    let mut parameters = Vec::with_capacity(operation.params.len());
    for param in &operation.params {
        let mut entry = described(&param.docs);
        entry.insert("name".to_owned(), json!(&*param.json));
        entry.insert("in".to_owned(), json!("query"));
        entry.insert("required".to_owned(), json!(!schemas::is_option(&param.ty)));
        entry.insert("schema".to_owned(), schemas.required(&param.ty));
        schemas.label(&mut entry, &format!("{id}.{}", param.name), "x-title");
        parameters.push(Value::Object(entry));
    }
    Value::Array(parameters)
}

fn responses(schemas: &mut Schemas<'_>, operation: &Operation) -> Value {
    let ok = operation.ok.as_ref().map_or_else(|| json!({ "type": "null" }), |ty| schemas.schema(ty));
    let mut refused = json!({ "$ref": "#/components/schemas/problem" });
    if let Some(error) = &operation.err {
        let error = schemas.schema(error);
        refused = json!({ "allOf": [refused, { "type": "object", "properties": { "error": error } }] });
    }
    json!({
        "200": { "description": "done", "content": { "application/json": { "schema": ok } } },
        "4XX": { "description": "refused", "content": { "application/problem+json": { "schema": refused } } },
        "5XX": { "$ref": "#/components/responses/failure" },
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "The first answer to a key is given again for 24 hours; the same key with another body is refused.",
        "schema": { "type": "string", "minLength": 1, "maxLength": forecourt_base::limits::IDEMPOTENCY_KEY_BYTES },
    })
}

fn failure() -> Value {
    json!({
        "description": "failed; nothing was done, unless the problem says that the outcome is unknown",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/problem" } } },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. The type is stable, the texts follow Accept-Language.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
        },
    })
}

#[cfg(test)]
mod tests;
