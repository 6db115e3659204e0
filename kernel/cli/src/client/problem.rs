//! A problem (RFC 9457) as people read it.

use std::fmt;

use serde_json::Value;

use super::text;

/// What the kernel refused, and why.
#[derive(Debug)]
pub(crate) struct Problem {
    status: u16,
    body: Value,
}

impl Problem {
    /// Reads a problem's body. One that is no problem tells its status alone.
    pub(crate) fn read(status: u16, body: &Value) -> Self {
        Self { status, body: body.clone() }
    }
}

/// Members that are written before the others.
const TOLD: [&str; 5] = ["type", "title", "status", "detail", "errors"];

fn write_member(f: &mut fmt::Formatter<'_>, name: &str, value: &Value) -> fmt::Result {
    match value {
        Value::Null => Ok(()),
        Value::String(value) => write!(f, "\n  {name}: {value}"),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).try_for_each(|value| write!(f, "\n  {name}: {value}"))
        }
        value => write!(f, "\n  {name}: {value}"),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.body;
        let title = match text(body, "title") {
            "" => "refused",
            title => title,
        };
        write!(f, "{title} ({}", self.status)?;
        match text(body, "type") {
            "" => f.write_str(")")?,
            kind => write!(f, ", {kind})")?,
        }
        let detail = text(body, "detail");
        if !detail.is_empty() && detail != title {
            write!(f, "\n  {detail}")?;
        }
        for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let pointer = match text(error, "pointer") {
                "" => "(the whole body)",
                pointer => pointer,
            };
            let told = match text(error, "detail") {
                "" => text(error, "rule"),
                detail => detail,
            };
            write!(f, "\n  {pointer}: {told}")?;
        }
        for (name, value) in body.as_object().into_iter().flatten().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
            write_member(f, name, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_are_readable() {
        let fields = json!({
            "type": "/problems/malformed", "title": "Some fields are wrong", "status": 400, "detail": "1 of the arguments is wrong",
            "errors": [{"pointer": "/receipt/quantity", "rule": "above-zero", "detail": "must be above 0"}, {"pointer": "", "rule": "must be an object"}],
            "request_id": "019ac4f0-1111-7000-8000-000000000000",
        });
        let domain = json!({
            "type": "/problems/refused", "title": "The operation refused", "status": 422,
            "error": {"shortage": {"part": "04E115561H", "wanted": 3000, "available": 1000}}, "request_id": "r-1",
        });
        let limit = json!({"type": "/problems/limit-exceeded", "title": "A limit was exceeded", "status": 500, "limit": "TREE_CPU_MS"});
        let component = json!({
            "type": "/problems/component-refused", "title": "The component is refused", "status": 422,
            "reasons": ["it is no component", "it has no manifest"], "conflict": null,
        });
        let all = [(422, component), (400, fields), (422, domain), (500, limit), (502, json!({})), (502, json!("x"))];
        let text: Vec<String> = all.iter().map(|(status, body)| Problem::read(*status, body).to_string()).collect();
        insta::assert_snapshot!(text.join("\n\n"));
    }
}
