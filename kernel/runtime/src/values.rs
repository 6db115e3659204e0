//! What a root call is given and gives, between JSON and component values.

use forecourt_base::OperationPath;
use forecourt_schema::{OperationKind, Type};
use serde_json::Value;
use wasmtime::component::Val;

use crate::error::CallError;
use crate::json;

/// A result's payload as JSON; null where there is none.
pub(crate) fn payload(ty: &Option<Type>, value: Option<&Val>) -> Result<Value, CallError> {
    match (ty, value) {
        (Some(ty), Some(value)) => json::from_val(ty, value).map_err(|error| CallError::Internal(error.to_string())),
        _ => Ok(Value::Null),
    }
}

/// Whether a method that only reads may ask for the operation.
pub(crate) fn check_by_get(operation: &forecourt_schema::Operation, path: &OperationPath) -> Result<(), CallError> {
    match operation.kind {
        OperationKind::Command => Err(CallError::CommandByGet(path.to_string())),
        OperationKind::Query if operation.personal => Err(CallError::PersonalByGet(path.to_string())),
        OperationKind::Query => Ok(()),
    }
}

/// Arguments that passed their checks as component values, in the order of the parameters.
pub(crate) fn parameters(ty: &Type, arguments: &Value) -> Result<Vec<Val>, CallError> {
    let Type::Record(record) = ty else { return Ok(Vec::new()) };
    let fields = json::fields(&record.fields, arguments, ty).map_err(|error| CallError::Internal(error.to_string()))?;
    Ok(fields.into_iter().map(|(_, value)| value).collect())
}
