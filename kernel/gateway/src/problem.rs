//! Problems (RFC 9457): what a handler answers instead of a result, and how it is written out.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::{ALLOW, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use forecourt_base::Bilingual;
use forecourt_schema::FieldError;
use serde_json::{Map, Value, json};

use crate::language::Language;
use crate::query::Segments;
use crate::request::{Circumstances, header_value};
use crate::table::{self, Kind, Text};

/// Seconds after which a request that met a full kernel or a conflict may be sent again, where nothing else is known.
const RETRY_AFTER_S: u64 = 1;

/// What a `{word}` of the table stands for.
#[derive(Debug, Clone)]
enum Word {
    Same(String),
    Told(Text),
    Both(Bilingual),
}

/// A problem at hand.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: &'static Kind,
    words: Vec<(&'static str, Word)>,
    errors: Vec<FieldError>,
    reasons: Vec<Bilingual>,
    error: Option<Value>,
    limit: Option<&'static str>,
    retry_after_s: Option<u64>,
    allow: Option<&'static str>,
    token_refused: bool,
    replayed: bool,
}

impl Problem {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        let retry_after_s = (kind.status == 503).then_some(RETRY_AFTER_S);
        Self(Box::new(Parts {
            kind,
            words: Vec::new(),
            errors: Vec::new(),
            reasons: Vec::new(),
            error: None,
            limit: None,
            retry_after_s,
            allow: None,
            token_refused: false,
            replayed: false,
        }))
    }

    /// The kernel failed: `error` goes into the log, not to the client.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed within the kernel");
        Self::new(&table::INTERNAL)
    }

    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(&table::INVALID_FIELDS);
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn field(error: FieldError) -> Self {
        Self::fields(vec![error])
    }

    pub(crate) fn word(mut self, word: &'static str, value: impl std::fmt::Display) -> Self {
        self.0.words.push((word, Word::Same(value.to_string())));
        self
    }

    pub(crate) fn told(mut self, word: &'static str, text: Text) -> Self {
        self.0.words.push((word, Word::Told(text)));
        self
    }

    pub(crate) fn both(mut self, word: &'static str, text: Bilingual) -> Self {
        self.0.words.push((word, Word::Both(text)));
        self
    }

    pub(crate) fn because(mut self, reasons: Vec<Bilingual>) -> Self {
        self.0.reasons = reasons;
        self
    }

    pub(crate) fn at_field(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Adds the operation's own error value.
    pub(crate) fn with_error(mut self, error: Value, replayed: bool) -> Self {
        self.0.error = Some(error);
        self.0.replayed = replayed;
        self
    }

    pub(crate) fn limit(mut self, limit: &'static str) -> Self {
        self.0.limit = Some(limit);
        self.word("limit", limit)
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// Says that a token was given and is no good.
    pub(crate) fn token_refused(mut self) -> Self {
        self.0.token_refused = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        self.0.kind
    }

    /// The body and headers, in the reader's language.
    pub(crate) fn render(&self, circumstances: &Circumstances) -> Response {
        let Parts { kind, errors, reasons, error, limit, .. } = &*self.0;
        let language = circumstances.language;
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("/problems/{}", kind.name).into());
        body.insert("title".to_owned(), said(kind.title, language).into());
        body.insert("status".to_owned(), kind.status.into());
        body.insert("detail".to_owned(), self.detail(language).into());
        body.insert("request_id".to_owned(), circumstances.request_id.as_str().into());
        if !errors.is_empty() {
            let error = |error: &FieldError| json!({ "pointer": error.pointer, "rule": error.rule.code, "detail": error.rule.text(language.tag()) });
            body.insert("errors".to_owned(), errors.iter().map(error).collect());
        }
        if !reasons.is_empty() {
            body.insert("reasons".to_owned(), reasons.iter().map(|reason| reason.text(language.tag())).collect());
        }
        if let Some(error) = error {
            body.insert("error".to_owned(), error.clone());
        }
        if let Some(limit) = limit {
            body.insert("limit".to_owned(), (*limit).into());
        }
        let mut response = (status(kind), Value::Object(body).to_string()).into_response();
        self.headers(&mut response, language);
        response
    }

    fn headers(&self, response: &mut Response, language: Language) {
        let Parts { kind, retry_after_s, allow, token_refused, replayed, .. } = &*self.0;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        if let Some(seconds) = retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        if let Some(methods) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if kind.status == 401 {
            let refused = "Bearer realm=\"forecourt\", error=\"invalid_token\"";
            let challenge = if *token_refused { refused } else { "Bearer realm=\"forecourt\"" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if *replayed {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
    }

    pub(crate) fn detail(&self, language: Language) -> String {
        let template = said(self.0.kind.detail, language);
        let mut detail = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            detail.push_str(before);
            let Some((word, behind)) = after.split_once('}') else { break };
            detail.push_str(&self.said_for(word, language));
            rest = behind;
        }
        detail.push_str(rest);
        detail
    }

    fn said_for(&self, word: &str, language: Language) -> Cow<'_, str> {
        match self.0.words.iter().find(|(name, _)| *name == word) {
            Some((_, Word::Same(text))) => text.as_str().into(),
            Some((_, Word::Told(text))) => said(*text, language).into(),
            Some((_, Word::Both(text))) => text.text(language.tag()).into(),
            None => "…".into(),
        }
    }
}

fn said(text: Text, language: Language) -> &'static str {
    match language {
        Language::En => text.en,
        Language::Zh => text.zh,
    }
}

fn status(kind: &Kind) -> StatusCode {
    StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A problem on its way out. It is written where the reader's language and the request's id are known.
#[derive(Debug, Clone)]
pub(crate) struct Unwritten(pub(crate) Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(self.kind()).into_response();
        response.extensions_mut().insert(Unwritten(Arc::new(self)));
        response
    }
}

/// `GET /problems/{name}`: what a problem's `type` leads to.
pub(crate) async fn explain(Segments(name): Segments<String>) -> Result<Response, Problem> {
    let kind = table::ALL.iter().find(|kind| kind.name == name).ok_or_else(|| Problem::new(&table::UNKNOWN_PATH))?;
    let both = |text: Text| json!({ "en": text.en, "zh-CN": text.zh });
    let body = json!({
        "type": format!("/problems/{}", kind.name),
        "status": kind.status,
        "title": both(kind.title),
        "detail": both(kind.detail),
    });
    Ok(([(CONTENT_TYPE, header_value("application/json"))], body.to_string()).into_response())
}
