//! JSON made into component values and back, opened for fuzzing alone: the feature `fuzz` is in no default build.

use forecourt_schema::Type;
use serde_json::Value;

use crate::json::{from_val, to_val};

/// The JSON that a value of this type becomes on its way through a component that gives it back.
///
/// # Errors
/// Says that the value has not the shape of its type.
pub fn round_trip(ty: &Type, value: &Value) -> Result<Value, String> {
    let val = to_val(ty, value).map_err(|error| error.to_string())?;
    from_val(ty, &val).map_err(|error| error.to_string())
}
