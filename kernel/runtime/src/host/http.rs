//! Outbound requests: rows of the transaction, sent once it has committed. INVARIANT (sent-after-commit)

use forecourt_base::{limits, uuid_v7_from};
use forecourt_bus::outbound::{Outgoing, SecretHeader, State, host_of, is_header_allowed, is_header_value, put};

use crate::bindings::forecourt::kernel::http;
use crate::error::Abort;
use crate::outbound::{Item, is_granted};
use crate::state::CallState;

fn invalid<T>(pointer: impl Into<String>, rule: impl Into<String>) -> Result<T, http::Error> {
    Err(http::Error::Invalid((pointer.into(), rule.into())))
}

fn method(method: http::Method) -> &'static str {
    match method {
        http::Method::Get => "GET",
        http::Method::Post => "POST",
        http::Method::Put => "PUT",
        http::Method::Patch => "PATCH",
        http::Method::Delete => "DELETE",
    }
}

/// Checks all that does not depend on who asks.
fn check(request: &http::Request) -> Result<(), http::Error> {
    if request.key.len() > limits::RECORD_KEY_BYTES || request.key.chars().any(char::is_control) {
        return invalid(
            "/key",
            format!("must have at most {} bytes without control characters", limits::RECORD_KEY_BYTES),
        );
    }
    if request.url.len() > limits::OUTBOUND_URL_BYTES || host_of(&request.url).is_none() {
        let rule = "must be an absolute URL of https or http without user and fragment, of at most";
        return invalid("/url", format!("{rule} {} bytes", limits::OUTBOUND_URL_BYTES));
    }
    if request.headers.len() + request.secrets.len() > limits::OUTBOUND_HEADERS {
        return invalid("/headers", format!("must be at most {}", limits::OUTBOUND_HEADERS));
    }
    for (at, header) in request.headers.iter().enumerate() {
        if !is_header_allowed(&header.name) {
            return invalid(format!("/headers/{at}/name"), "is no header, or one that the kernel sets itself");
        }
        if !is_header_value(&header.value) {
            return invalid(format!("/headers/{at}/value"), "must be visible ASCII");
        }
    }
    for (at, header) in request.secrets.iter().enumerate() {
        if !is_header_allowed(&header.name) {
            return invalid(format!("/secrets/{at}/name"), "is no header, or one that the kernel sets itself");
        }
        if header.prefix.len() > 64 || !is_header_value(header.prefix.trim_end()) {
            return invalid(format!("/secrets/{at}/prefix"), "must be at most 64 visible ASCII characters");
        }
    }
    let bodiless = matches!(request.method, http::Method::Get | http::Method::Delete);
    match &request.body {
        Some(_) if bodiless => invalid("/body", "must be none for this method"),
        Some(body) if body.len() > limits::OUTBOUND_BODY_BYTES => {
            Err(http::Error::TooLarge(limits::OUTBOUND_BODY_BYTES as u64))
        }
        _ => Ok(()),
    }
}

impl CallState {
    async fn enqueue_request(&mut self, request: http::Request) -> Result<Result<String, http::Error>, Abort> {
        let tree = self.enter("http")?;
        if tree.outbox.len() >= limits::TREE_OUTBOUND {
            return Err(Abort::Limit("TREE_OUTBOUND"));
        }
        if let Err(error) = check(&request) {
            return Ok(Err(error));
        }
        let Some(host) = host_of(&request.url) else { return Ok(invalid("/url", "must be an absolute URL")) };
        if !is_granted(&self.module, &host) {
            return Err(Abort::Denied(format!("plugin-not-granted:http-host:{}", host.name)));
        }
        if let Some(header) = request.secrets.iter().find(|header| !self.module.grant.secrets.contains(&header.secret))
        {
            return Err(Abort::Denied(format!("plugin-not-granted:secret:{}", header.secret)));
        }
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        if !host.secure && !tree.kernel.outbound().outlets().plain.contains(&host.name) {
            return Ok(invalid("/url", "must be https: the deployment does not allow http to this host"));
        }
        let scope = tree.origin.scope.clone();
        if tree.kernel.outbound().known(&scope, &plugin) >= limits::OUTBOX_REQUESTS {
            return Ok(Err(http::Error::Full(limits::OUTBOX_REQUESTS as u64)));
        }
        let (high, low) = (tree.next_random(), tree.next_random());
        let id = uuid_v7_from(tree.origin.started, high, low);
        let origin = &tree.origin;
        let secret = |header: http::SecretHeader| SecretHeader {
            header: header.name,
            secret: header.secret,
            prefix: header.prefix,
        };
        let outgoing = Outgoing {
            plugin: plugin.clone(),
            by: origin.principal.user.to_string(),
            request_id: origin.request_id.to_string(),
            at: origin.started,
            hops: tree.hops,
            key: request.key,
            method: method(request.method).to_owned(),
            url: request.url,
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            secrets: request.secrets.into_iter().map(secret).collect(),
            body: request.body,
            state: State::Queued,
            attempts: 0,
            deliveries: 0,
            next_at: origin.started,
            last_failure: None,
            answered: None,
        };
        match put(&mut tree.transaction, &scope, &id, &outgoing).await {
            Ok(()) => {}
            Err(forecourt_storage::StorageError::ReadOnly) => return Ok(Err(http::Error::ReadOnly)),
            Err(error) => return Err(error.into()),
        }
        tree.check_storage()?;
        tree.outbox.push(Item { scope, plugin, id: id.clone() });
        Ok(Ok(id))
    }
}

impl http::Host for CallState {
    async fn enqueue(&mut self, request: http::Request) -> wasmtime::Result<Result<String, http::Error>> {
        Ok(self.enqueue_request(request).await?)
    }
}
