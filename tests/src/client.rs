//! A small client: JSON in, JSON out, and words about what was wrong where an answer is not the expected one.

use std::fmt;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};

/// A kernel, and who asks it.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(&'static str, String)>,
}

/// What the kernel answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON, or its text where it is none.
    pub body: Value,
    headers: Vec<(String, String)>,
    asked: String,
}

impl Client {
    /// Nobody yet.
    pub fn new(url: &str) -> Self {
        // A connection for each request: one that is kept may be closed by the kernel just when it is used again.
        let config = Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build();
        Self { agent: config.into(), url: url.to_owned(), headers: Vec::new() }
    }

    /// The same client with one more header; a header given before is replaced.
    #[must_use]
    pub fn header(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| *known != name);
        client.headers.push((name, value.into()));
        client
    }

    /// The same user, asking a kernel that listens elsewhere.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        let headers = self.headers.clone();
        Self { headers, ..Self::new(url) }
    }

    /// The same client, speaking for the owner of a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The token that it shows, if any.
    pub fn token(&self) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| *name == "authorization")?;
        value.strip_prefix("Bearer ")
    }

    /// The same client, speaking for this user from now on. The deployment's users belong to no group.
    #[must_use]
    pub fn sign_in(&self, group: Option<&str>, user: &str, password: &str) -> Self {
        let body = json!({ "group": group, "user": user, "password": password });
        self.with_token(self.post("/v1/sessions", &body).ok()["token"].as_str().unwrap())
    }

    /// Sends a request; an error is one of the connection, for every answer is an answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let mut response = match content_type {
            Some(_) => self.agent.run(request.body(body).unwrap())?,
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let text = response.body_mut().read_to_string()?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Ok(Answer {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            asked: format!("{method} {path}"),
        })
    }

    fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let text = body.map(Value::to_string).unwrap_or_default();
        let content_type = body.map(|_| "application/json");
        self.send(method, path, content_type, text.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// `GET`
    pub fn get(&self, path: &str) -> Answer {
        self.must("GET", path, None)
    }

    /// `POST` of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.must("POST", path, Some(body))
    }

    /// `PUT` of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.must("PUT", path, Some(body))
    }

    /// `DELETE`
    pub fn delete(&self, path: &str) -> Answer {
        self.must("DELETE", path, None)
    }

    /// Calls an operation such as `probe/effects/act` in a store.
    pub fn call(&self, store: &str, operation: &str, arguments: &Value) -> Answer {
        self.post(&format!("/v1/stores/{store}/{operation}"), arguments)
    }

    /// All items of a list whose pages are asked for by `after` in the query string.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}{after}")).ok();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("{separator}after={next}"),
                None => return items,
            }
        }
    }

    /// All items of a list that an operation pages.
    pub fn list(&self, store: &str, operation: &str, arguments: &Value) -> Vec<Value> {
        let mut arguments = arguments.clone();
        let mut items = Vec::new();
        loop {
            let page = self.call(store, operation, &arguments).ok();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match &page["next"] {
                Value::Null => return items,
                next => arguments["page"] = next.clone(),
            }
        }
    }
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.body
    }

    /// The body of a problem with this status and `/problems/<name>`, checked for what every problem has.
    #[track_caller]
    pub fn problem(self, status: u16, name: &str) -> Value {
        assert_eq!((self.status, &self.body["type"]), (status, &json!(format!("/problems/{name}"))), "{self}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        assert_eq!(self.body["status"], status, "{self}");
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"), "{self}");
        for text in ["title", "detail"] {
            assert!(
                self.body[text].as_str().is_some_and(|text| !text.is_empty() && !text.contains(['{', '…'])),
                "{self}"
            );
        }
        self.body
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks again where the machine was so busy that the call's time ran out before whatever else ends it.
pub fn unless_late(mut ask: impl FnMut() -> Answer) -> Answer {
    const ATTEMPTS: usize = 20;
    let in_time = (0..ATTEMPTS).map(|_| ask()).find(|answer| answer.status != 504);
    in_time.expect("the machine has time for a call sooner or later")
}

/// Asks again until the plugin is tried that was suspended.
pub fn unless_suspended(mut ask: impl FnMut() -> Answer) -> Answer {
    let suspended = json!("/problems/plugin-suspended");
    std::iter::repeat_with(&mut ask).find(|answer| answer.body["type"] != suspended).expect("asked until it is tried")
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}: {}", self.asked, self.status, self.body)
    }
}
