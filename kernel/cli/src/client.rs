//! A client of a running kernel over HTTP.

mod problem;
mod warnings;

use std::io;
use std::time::Duration;

use clap::Args;
use forecourt_base::{GroupId, StoreId, limits};
use serde_json::Value;
use ureq::http;

use crate::failure::{Exit, Failure};

pub(crate) use problem::Problem;

const TOKEN: &str = "FORECOURT_TOKEN";

/// The longest a kernel can take: it compiles a published component before it answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(4 * limits::COMPILE_CPU_S);

/// An answer holds at most what a call may read.
const ANSWER_BYTES: u64 = limits::TREE_READ_BYTES_REPORT as u64;

/// Which kernel to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// Where the kernel is
    #[arg(
        long,
        value_name = "URL",
        env = "FORECOURT_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: String,
}

/// What a request carries.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// A component.
    Component(Vec<u8>),
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The answer; null where there is none.
    pub(crate) value: Value,
    /// What the kernel found odd but not wrong.
    pub(crate) warnings: Vec<String>,
}

/// A client with a token from the environment.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
    language: &'static str,
}

impl Client {
    /// A client that signs its requests with the token of the environment, which must be there.
    pub(crate) fn signed_in(connection: &Connection) -> Result<Self, Failure> {
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            Failure::usage(format!("{TOKEN} is not set: run `export {TOKEN}=$(forecourt sign-in USER)` first"))
        })?;
        Ok(Self { token: Some(token), ..Self::anonymous(connection)? })
    }

    /// A client without a token.
    pub(crate) fn anonymous(connection: &Connection) -> Result<Self, Failure> {
        let url = connection.url.trim_end_matches('/');
        if !url.starts_with("http://") {
            return Err(Failure::usage(format!(
                "`{url}` is not a URL that begins with http://, such as http://127.0.0.1:8080"
            )));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(ANSWER_WITHIN))
            .user_agent(concat!("forecourt/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            url: url.to_owned(),
            token: None,
            language: language(|name| std::env::var(name).ok()),
        })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send("GET", path, Body::Empty, &[])
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Result<Reply, Failure> {
        self.send("POST", path, Body::Json(body), &[])
    }

    /// Sends a request and reads its answer; one that is no success is a [`Failure`] that tells the problem.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Failure> {
        let mut request = self.request(method, path).header("accept", "application/json, application/problem+json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Body::Empty => self.run(request.body(())),
            Body::Json(value) => {
                self.run(request.header("content-type", "application/json").body(value.to_string().into_bytes()))
            }
            Body::Component(bytes) => self.run(request.header("content-type", "application/wasm").body(bytes)),
        }?;
        self.read(answer)
    }

    /// Copies a good answer of any kind to `to`, however long it is.
    pub(crate) fn copy(&self, path: &str, to: &mut dyn io::Write) -> Result<(), Failure> {
        let mut request = http::Request::builder().method("GET").uri(format!("{}{path}", self.url));
        request = request.header("accept-language", self.language);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = self.run(request.body(()))?;
        if !answer.status().is_success() {
            return self.read(answer).map(|_| ());
        }
        let broken = |error: io::Error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::from(error),
            _ => Failure::new(Exit::Unreachable, format!("{} broke off its answer: {error}", self.url)),
        };
        io::copy(&mut answer.body_mut().as_reader(), to).map_err(broken)?;
        Ok(())
    }

    /// Sends a file as it is read.
    pub(crate) fn upload(&self, path: &str, file: &std::fs::File) -> Result<Reply, Failure> {
        let request = self.request("PUT", path).header("content-type", "application/octet-stream");
        let answer = self.run(request.body(file))?;
        self.read(answer)
    }

    /// What is downloaded, to be read to its end.
    pub(crate) fn download(&self, path: &str) -> Result<impl std::io::Read + 'static, Failure> {
        let answer = self.run(self.request("GET", path).body(()))?;
        if answer.status().is_success() {
            return Ok(answer.into_body().into_reader());
        }
        let status = answer.status();
        self.read(answer)?;
        Err(Failure::new(Exit::Unreachable, format!("{} answered {status} to a download", self.url)))
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("accept-language", self.language);
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn run(
        &self,
        request: http::Result<http::Request<impl ureq::AsSendBody>>,
    ) -> Result<http::Response<ureq::Body>, Failure> {
        let request = request.map_err(|error| Failure::usage(format!("the request cannot be made: {error}")))?;
        self.agent.run(request).map_err(|error| self.not_answered(&error))
    }

    fn not_answered(&self, error: &ureq::Error) -> Failure {
        let url = &self.url;
        let refused = matches!(error, ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        let message = if refused || matches!(error, ureq::Error::ConnectionFailed) {
            format!(
                "nothing answers at {url}: start a kernel with `forecourt serve`, or name another with --url or FORECOURT_URL"
            )
        } else {
            format!("{url} did not answer: {error}")
        };
        Failure::new(Exit::Unreachable, message)
    }

    fn read(&self, mut answer: http::Response<ureq::Body>) -> Result<Reply, Failure> {
        let status = answer.status();
        let warnings = answer
            .headers()
            .get("x-warnings")
            .and_then(|text| text.to_str().ok())
            .map(warnings::read)
            .unwrap_or_default();
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
        let text = text
            .map_err(|error| Failure::new(Exit::Unreachable, format!("{} broke off its answer: {error}", self.url)))?;
        let value = if text.trim().is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        match value {
            Ok(value) if status.is_success() => Ok(Reply { value, warnings }),
            Ok(value) => Err(Failure::new(Exit::Refused, Problem::read(status.as_u16(), &value))),
            Err(_) => Err(Failure::new(
                Exit::Unreachable,
                format!("what answers at {} is no forecourt: status {status}, no JSON", self.url),
            )),
        }
    }

    /// The group that was named, or that of the signed-in user.
    pub(crate) fn group(&self, named: Option<&GroupId>) -> Result<GroupId, Failure> {
        if let Some(group) = named {
            return Ok(group.clone());
        }
        let groups = self.all("/v1/groups")?;
        match groups.as_slice() {
            [only] => Ok(GroupId::new(text(only, "id"))?),
            [] => Err(Failure::usage("there is no group yet: make one with `forecourt init`")),
            _ => Err(Failure::usage("you can see several groups: name one with --group")),
        }
    }

    /// The stores that were named, or all of the group where that was `all`.
    pub(crate) fn stores(&self, named: &[StoreId], group: Option<&GroupId>) -> Result<Vec<StoreId>, Failure> {
        if !matches!(named, [all] if all.as_str() == "all") {
            return Ok(named.to_vec());
        }
        let stores = self.all(&format!("/v1/groups/{}/stores", self.group(group)?))?;
        if stores.is_empty() {
            return Err(Failure::usage("the group has no store yet: add one with `forecourt store add`"));
        }
        stores.iter().map(|store| Ok(StoreId::new(text(store, "id"))?)).collect()
    }

    /// All items of a paged list.
    pub(crate) fn all(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let (mut items, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = match &after {
                None => self.get(path)?,
                Some(token) => self.get(&format!("{path}?after={token}"))?,
            };
            match page.value.get("items").cloned() {
                Some(Value::Array(part)) => items.extend(part),
                _ => return Err(Failure::new(Exit::Failed, format!("the answer to {path} is no list"))),
            }
            match page.value.get("next").and_then(Value::as_str) {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }
}

/// A field's text; empty where it has none.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The language of problems, by the rule of POSIX.
fn language(environment: impl Fn(&str) -> Option<String>) -> &'static str {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(environment).find(|value| !value.is_empty());
    if set.is_some_and(|value| value.starts_with("zh")) { "zh-CN" } else { "en" }
}

#[cfg(test)]
mod tests;
