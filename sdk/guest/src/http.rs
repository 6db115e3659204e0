//! Requests to hosts outside, sent once the call has committed. What comes of one is told to the plugin's subscriber under the topic `kernel.http-response`, with a
//! [`Response`] as its payload.

pub use crate::private::wit::forecourt::kernel::http::{Error, Header, Method, Request, Response, SecretHeader};

use crate::private::wit::forecourt::kernel::http;

impl Request {
    /// A request without headers and body. `key` is what the plugin knows it by.
    #[must_use]
    pub fn new(key: impl Into<String>, method: Method, url: impl Into<String>) -> Self {
        Self { key: key.into(), method, url: url.into(), headers: Vec::new(), secrets: Vec::new(), body: None }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// The same with a header whose value is `prefix` and then a secret of the manifest's `[http]`.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, prefix: impl Into<String>, secret: impl Into<String>) -> Self {
        self.secrets.push(SecretHeader { name: name.into(), prefix: prefix.into(), secret: secret.into() });
        self
    }

    /// The same with a body of JSON.
    ///
    /// # Errors
    /// [`crate::KernelError::Json`] where the value has no JSON form.
    pub fn json<T: serde::Serialize>(mut self, body: &T) -> Result<Self, crate::KernelError> {
        self.body = Some(serde_json::to_string(body)?);
        Ok(self.header("content-type", "application/json"))
    }

    /// Asks for the request to be sent once the call has committed: its id. A call that fails sends nothing.
    ///
    /// # Errors
    /// [`crate::KernelError::Http`] where the kernel refuses it. A host or a secret that was not granted ends the call.
    pub fn send(self) -> Result<String, crate::KernelError> {
        Ok(http::enqueue(&self)?)
    }
}
