//! Why a request has no answer.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forecourt_auth::{AuthError, DenyReason};
use forecourt_schema::FieldError;
use forecourt_storage::StorageError;

/// A status and a text.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl ToString) -> Self {
        Self(status, text.to_string())
    }

    pub(super) fn denied(reason: DenyReason) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason.code())
    }

    pub(super) fn fields(fields: &[FieldError]) -> Self {
        let texts: Vec<String> = fields.iter().map(ToString::to_string).collect();
        Self::new(StatusCode::BAD_REQUEST, texts.join("; "))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, text) = self;
        (status, text).into_response()
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }
}
