//! Calls of operations.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use forecourt_auth::{AuthError, DenyReason, Principal};
use forecourt_base::{GroupId, OperationPath, Scope, StoreId, limits};
use forecourt_runtime::{Answer, Call};
use forecourt_schema::Warning;
use serde_json::Value;

use crate::app::App;
use crate::body::JsonBody;
use crate::credentials::Signed;
use crate::language::Language;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments, arguments, texts};
use crate::request::{Asked, header_value};
use crate::table;
use crate::views::json;

/// Bytes of the header that carries warnings.
const WARNINGS_BYTES: usize = 4_096;

type StorePath = Segments<(StoreId, String, String, String)>;
type GroupPath = Segments<(GroupId, String, String, String)>;

/// `POST /v1/stores/{store}/{area}/{interface}/{operation}`
pub(crate) async fn store_post(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments((store, area, interface, operation)): StorePath,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let operation = path(&area, &interface, &operation)?;
    let scope = store_scope(&app, &asked, &principal, store, &operation.to_string()).await?;
    post(&app, asked, principal, scope, operation, &headers, body).await
}

/// `POST /v1/groups/{group}/{area}/{interface}/{operation}`
pub(crate) async fn group_post(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments((group, area, interface, operation)): GroupPath,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let operation = path(&area, &interface, &operation)?;
    post(&app, asked, principal, Scope::group(group), operation, &headers, body).await
}

/// `GET /v1/stores/{store}/{area}/{interface}/{operation}`
pub(crate) async fn store_get(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments((store, area, interface, operation)): StorePath,
    uri: Uri,
) -> Result<Response, Problem> {
    let operation = path(&area, &interface, &operation)?;
    let scope = store_scope(&app, &asked, &principal, store, &operation.to_string()).await?;
    get(&app, asked, principal, scope, operation, &uri).await
}

/// `GET /v1/groups/{group}/{area}/{interface}/{operation}`
pub(crate) async fn group_get(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments((group, area, interface, operation)): GroupPath,
    uri: Uri,
) -> Result<Response, Problem> {
    let operation = path(&area, &interface, &operation)?;
    get(&app, asked, principal, Scope::group(group), operation, &uri).await
}

/// Stores are those of the sender's group. Users of the deployment have none, which is a refusal like others.
pub(crate) async fn store_scope(
    app: &App,
    asked: &Asked,
    principal: &Arc<Principal>,
    store: StoreId,
    action: &str,
) -> Result<Scope, Problem> {
    if let Some(group) = &principal.group {
        return Ok(Scope::store(group.clone(), store));
    }
    let denied =
        AuthError::Denied { right: action.to_owned(), scope: store.to_string(), reason: DenyReason::OtherGroup };
    let acting = forecourt_auth::Acting { principal, request_id: &asked.0.request_id };
    app.kernel().auth().audit_refusal(acting, None, action, &denied).await?;
    Err(denied.into())
}

fn path(area: &str, interface: &str, operation: &str) -> Result<OperationPath, Problem> {
    OperationPath::new(area, interface, operation).map_err(|_| Problem::new(&table::UNKNOWN_PATH))
}

async fn post(
    app: &App,
    asked: Asked,
    principal: Arc<Principal>,
    scope: Scope,
    operation: OperationPath,
    headers: &HeaderMap,
    arguments: Value,
) -> Result<Response, Problem> {
    let (request_id, trace) = (asked.0.request_id.clone(), asked.0.trace);
    let idempotency_key = idempotency_key(headers)?;
    let call = Call { principal, scope, operation, arguments, by_get: false, idempotency_key, request_id, trace };
    Ok(answer(&app.kernel().call(call).await?, asked.0.language))
}

async fn get(
    app: &App,
    asked: Asked,
    principal: Arc<Principal>,
    scope: Scope,
    operation: OperationPath,
    uri: &Uri,
) -> Result<Response, Problem> {
    let texts = texts(uri)?;
    let arguments = if texts.is_empty() || principal.group.as_ref() != Some(&scope.group) {
        arguments(texts, None)
    } else {
        typed(app, &scope, &operation, texts).await?
    };
    let (request_id, trace) = (asked.0.request_id.clone(), asked.0.trace);
    let call = Call { principal, scope, operation, arguments, by_get: true, idempotency_key: None, request_id, trace };
    Ok(answer(&app.kernel().call(call).await?, asked.0.language))
}

/// Texts as values of the operation's parameters. Nothing is told of the operation: what does not fit stays text. Should another version be enabled
/// before the call begins, its own check decides.
async fn typed(
    app: &App,
    scope: &Scope,
    operation: &OperationPath,
    texts: Vec<(String, String)>,
) -> Result<Value, Problem> {
    let generation = app.kernel().generation(&scope.group).await?;
    let module = generation.provider(scope.store.as_ref(), &operation.area);
    let found = module.and_then(|module| module.operation(operation));
    Ok(arguments(texts, found.map(|(_, operation)| operation.params.as_slice())))
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let refused = || Problem::new(&table::INVALID_IDEMPOTENCY_KEY).word("max", limits::IDEMPOTENCY_KEY_BYTES);
    if keys.next().is_some() {
        return Err(refused());
    }
    let key = key.to_str().map_err(|_| refused())?;
    let visible = key.bytes().all(|b| b.is_ascii_graphic());
    if !visible || !(1..=limits::IDEMPOTENCY_KEY_BYTES).contains(&key.len()) {
        return Err(refused());
    }
    Ok(Some(key.to_owned()))
}

pub(crate) fn answer(answer: &Answer, language: Language) -> Response {
    let mut response = json(&answer.value);
    if !answer.warnings.is_empty() {
        let told = |warning: &Warning| format!("`{}` {}", warning.pointer, warning.rule.text(language.tag()));
        let texts: Vec<String> = answer.warnings.iter().map(told).collect();
        response.headers_mut().insert("x-warnings", header_value(&warnings(&texts)));
    }
    if answer.replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// Warnings as a list of extended values (RFC 8187 §3.2): `UTF-8''…, UTF-8''…`. Those that no header could hold are left out.
fn warnings(warnings: &[String]) -> String {
    let mut value = String::new();
    for warning in warnings {
        let before = value.len();
        value.push_str(if value.is_empty() { "UTF-8''" } else { ", UTF-8''" });
        for byte in warning.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                value.push(char::from(byte));
            } else {
                value.push_str(&format!("%{byte:02X}"));
            }
        }
        if value.len() > WARNINGS_BYTES {
            value.truncate(before);
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_safe_in_a_header() {
        let list = ["`/vin` is odd, isn't it\r\n".to_owned(), "京".to_owned()];
        assert_eq!(warnings(&list), "UTF-8''`%2Fvin`%20is%20odd%2C%20isn%27t%20it%0D%0A, UTF-8''%E4%BA%AC");
        let many: Vec<String> = (0..100).map(|_| "é".repeat(50)).collect();
        let value = warnings(&many);
        assert!(value.len() <= WARNINGS_BYTES && value.matches("UTF-8''").count() > 5 && value.ends_with("%A9"));
    }

    #[test]
    fn idempotency_keys_are_short_and_visible() {
        let key = |text: &[u8]| {
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("idempotency-key"),
                HeaderValue::from_bytes(text).unwrap(),
            )]);
            idempotency_key(&headers)
        };
        assert_eq!(key(b"a/1:2=").unwrap().as_deref(), Some("a/1:2="));
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        for bad in [b"".as_slice(), b"a b", "键".as_bytes(), &[b'x'; limits::IDEMPOTENCY_KEY_BYTES + 1]] {
            assert_eq!(key(bad).unwrap_err().kind().name, "invalid-idempotency-key");
        }
    }
}
