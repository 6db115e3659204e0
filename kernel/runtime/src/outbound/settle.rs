//! One step of one request: sent once, what came of it written down, or told to its plugin.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use forecourt_auth::Principal;
use forecourt_auth::audit::Outcome;
use forecourt_base::{Timestamp, limits};
use forecourt_bus::outbound::{Answer, Answered, NotSent, Outgoing, State, Wire, get, host_of, pause_ms, put};
use forecourt_registry::Module;
use forecourt_storage::{Attempts, Mode, StorageError, Transaction};

use super::{Item, is_granted};
use crate::audit;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::secrets::{self, Opened};

/// The pause where the plugin is not at work in the place, or the kernel cannot go on.
const IDLE_MS: i64 = 60_000;

/// When a request is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    At(Timestamp),
    /// Never, unless somebody says so.
    Done,
}

/// A request as it stands, and the version of its plugin that is at work there.
pub(super) struct Standing {
    pub(super) outgoing: Outgoing,
    module: Option<Arc<Module>>,
}

/// What one attempt came to.
enum Came {
    Answer(Answered),
    /// Another attempt may end better, after so many seconds where the other side says so.
    Passing(String, Option<u64>),
}

impl Kernel {
    /// Does what is to be done with a request now.
    pub(super) async fn deal_with(self: &Arc<Self>, item: &Item) -> Next {
        let done = match self.standing(item).await {
            Ok(None) => return Next::Done,
            Ok(Some(standing)) => match standing.outgoing.state {
                State::Queued => self.attempt(item, standing).await,
                State::Answered => self.tell(item).await,
                State::Failed | State::Undelivered => return Next::Done,
            },
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| {
            tracing::warn!(id = item.id, plugin = %item.plugin, scope = %item.scope, %error, "an outbound request waits");
            Next::At(self.clock().now().plus_millis(IDLE_MS / 10))
        })
    }

    pub(super) async fn standing(&self, item: &Item) -> Result<Option<Standing>, KernelError> {
        loop {
            let group = &item.scope.group;
            let mut transaction = Transaction::begin(self.storage(), Some(group.clone()), Mode::ReadOnly)?;
            let Some(outgoing) = get(&mut transaction, &item.scope, &item.id).await? else { return Ok(None) };
            match self.registry().generation(&mut transaction, group).await {
                Err(error) if error.is_retryable() => {}
                generation => {
                    let module = generation?.active(item.scope.store.as_ref(), &outgoing.plugin).cloned();
                    return Ok(Some(Standing { outgoing, module }));
                }
            }
        }
    }

    /// Sends a request once and writes down what came of it.
    async fn attempt(self: &Arc<Self>, item: &Item, standing: Standing) -> Result<Next, KernelError> {
        let Standing { outgoing, module } = standing;
        let Some(module) = module else { return Ok(Next::At(self.clock().now().plus_millis(IDLE_MS))) };
        let came = match self.wire(item, &outgoing, &module).await? {
            Ok((wire, opened)) => {
                let client = self.outbound().client.clone();
                let sent = tokio::task::spawn_blocking(move || (client.send(&wire), opened)).await;
                let (sent, opened) = sent.map_err(|error| KernelError::Engine(error.to_string()))?;
                self.metrics().outbound(&item.plugin, sent.as_ref().map_or("no-answer", |answer| class(answer.status)));
                came(sent, &opened, self.clock().now())
            }
            Err(refused) => Came::Answer(failed(refused, self.clock().now())),
        };
        let answered = self.write_down(item, &outgoing, came).await?;
        match answered {
            // The plugin is told at once.
            None => self.tell(item).await,
            Some(next) => Ok(next),
        }
    }

    /// The request as it goes out; or why it does not.
    async fn wire(
        &self,
        item: &Item,
        outgoing: &Outgoing,
        module: &Module,
    ) -> Result<Result<(Wire, Vec<Opened>), &'static str>, KernelError> {
        let Some(host) = host_of(&outgoing.url) else { return Ok(Err("bad-request")) };
        let named = |secret: &String| module.grant.secrets.contains(secret);
        if !is_granted(module, &host) || !outgoing.secrets.iter().all(|header| named(&header.secret)) {
            return Ok(Err("not-granted"));
        }
        let mut headers = outgoing.headers.clone();
        let mut opened = Vec::new();
        for header in &outgoing.secrets {
            let secret = secrets::open(self, &item.scope.group, &outgoing.plugin, &header.secret).await?;
            match secret {
                Err(reason) => return Ok(Err(reason)),
                Ok(secret) => {
                    headers.push((header.header.clone(), format!("{}{}", header.prefix, secret.as_str())));
                    opened.push(secret);
                }
            }
        }
        let Outgoing { method, url, body, .. } = outgoing.clone();
        // INVARIANT (same-key)
        Ok(Ok((Wire { method, url, headers, body, idempotency_key: item.id.clone() }, opened)))
    }

    /// Writes down what came of an attempt: when it is tried again, or none when the plugin is to be told.
    async fn write_down(&self, item: &Item, sent: &Outgoing, came: Came) -> Result<Option<Next>, KernelError> {
        let now = self.clock().now();
        let mut outgoing = Outgoing { attempts: sent.attempts + 1, ..sent.clone() };
        let mut line = None;
        match came {
            Came::Passing(reason, retry_after_s) if (outgoing.attempts as usize) < limits::OUTBOUND_ATTEMPTS => {
                let pause = pause_ms(outgoing.attempts, retry_after_s, self.random());
                outgoing.next_at = now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX));
                outgoing.last_failure = Some(reason);
            }
            came => {
                let answered = match came {
                    Came::Answer(answered) => answered,
                    Came::Passing(reason, _) => failed(&reason, now),
                };
                line = Some(self.line(item, &outgoing, &answered, now));
                outgoing.last_failure.clone_from(&answered.failed);
                (outgoing.state, outgoing.next_at, outgoing.answered) = (State::Answered, now, Some(answered));
            }
        }
        let mut attempts = Attempts::new(self.storage(), Some(&item.scope.group), self.random());
        let written = loop {
            let mut transaction = attempts.begin().await?;
            let result = write(&mut transaction, item, sent, &outgoing, line.as_ref()).await;
            if let Some(written) = attempts.end(transaction, result).await? {
                break written;
            }
        };
        Ok(match (written, outgoing.state) {
            (false, _) => Some(Next::At(now)),
            (true, State::Queued) => Some(Next::At(outgoing.next_at)),
            (true, _) => None,
        })
    }

    /// The audit's line of a request that is answered or failed. The URL may hold what is personal, so the host stands for it.
    fn line(
        &self,
        item: &Item,
        outgoing: &Outgoing,
        answered: &Answered,
        now: Timestamp,
    ) -> forecourt_auth::audit::AuditEntry {
        let outcome = answered.failed.clone().map_or(Outcome::Done, Outcome::Failed);
        let principal = Principal::of_plugin(item.scope.group.clone(), outgoing.plugin.clone());
        let mut line = audit::entry(now, &principal, &item.scope, "http-request", outcome, &outgoing.request_id);
        let host = host_of(&outgoing.url).map_or_else(String::new, |host| host.to_string());
        let status = answered.status.map_or_else(String::new, |status| format!(" {status}"));
        line.note = format!("{} {} {host}{status}, attempts: {}", item.id, outgoing.method, outgoing.attempts);
        line
    }
}

/// Writes the request's new state, unless it is no longer as it was when it was sent: whether it did.
async fn write(
    transaction: &mut Transaction,
    item: &Item,
    sent: &Outgoing,
    outgoing: &Outgoing,
    line: Option<&forecourt_auth::audit::AuditEntry>,
) -> Result<bool, KernelError> {
    match get(transaction, &item.scope, &item.id).await? {
        Some(now) if now.state == State::Queued && now.attempts == sent.attempts => {}
        _ => return Ok(false),
    }
    put(transaction, &item.scope, &item.id, outgoing).await?;
    if let Some(line) = line {
        forecourt_auth::audit::append(transaction, line).await?;
    }
    Ok(true)
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

fn failed(reason: &str, at: Timestamp) -> Answered {
    let failed = Some(reason.to_owned());
    Answered { status: None, headers: Vec::new(), body: None, body_base64: None, failed, at }
}

fn came(sent: Result<Answer, NotSent>, opened: &[Opened], at: Timestamp) -> Came {
    match sent {
        Ok(answer) if answer.is_passing() => Came::Passing(format!("status-{}", answer.status), answer.retry_after_s),
        Ok(answer) => Came::Answer(kept(answer, opened, at)),
        Err(NotSent::Passing(reason)) => Came::Passing(reason.to_owned(), None),
        Err(NotSent::Refused(reason) | NotSent::Unreadable(reason)) => Came::Answer(failed(reason, at)),
    }
}

/// The answer as the plugin sees it. INVARIANT (secret-unseen): a host that sends back what it was sent tells the plugin nothing.
fn kept(answer: Answer, opened: &[Opened], at: Timestamp) -> Answered {
    let Answer { status, headers, body, .. } = answer;
    let hidden = |text: String| opened.iter().fold(text, |text, secret| secret.hide_in(&text));
    let headers = headers.into_iter().map(|(name, value)| (name, hidden(value))).collect();
    let (body, body_base64) = match String::from_utf8(body) {
        Ok(text) => (Some(hidden(text)), None),
        Err(bytes) if opened.iter().any(|secret| secret.is_in(bytes.as_bytes())) => (None, None),
        Err(bytes) => (None, Some(BASE64.encode(bytes.as_bytes()))),
    };
    Answered { status: Some(status), headers, body, body_base64, failed: None, at }
}

/// What a row says after its plugin was told in vain: when it is told again, or that it is kept for people.
pub(super) fn told_in_vain(mut outgoing: Outgoing, for_good: bool, now: Timestamp, pause: u64) -> Outgoing {
    outgoing.deliveries += 1;
    outgoing.next_at = now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX));
    if for_good || outgoing.deliveries as usize >= limits::OUTBOUND_DELIVERIES {
        outgoing.state = State::Undelivered;
    }
    outgoing
}

/// As [`Attempts`], for a change of one request.
pub(super) async fn change<T>(
    kernel: &Kernel,
    item: &Item,
    change: impl Fn(Outgoing) -> (T, Option<Outgoing>),
) -> Result<Option<T>, StorageError> {
    let mut attempts = Attempts::new(kernel.storage(), Some(&item.scope.group), kernel.random());
    loop {
        let mut transaction = attempts.begin().await?;
        let changed = async {
            let Some(outgoing) = get(&mut transaction, &item.scope, &item.id).await? else { return Ok(None) };
            let (value, new) = change(outgoing);
            match new {
                Some(new) => put(&mut transaction, &item.scope, &item.id, &new).await?,
                None => forecourt_bus::outbound::remove(&mut transaction, &item.scope, &item.id).await?,
            }
            Ok::<_, StorageError>(Some(value))
        };
        let changed = changed.await;
        if let Some(value) = attempts.end(transaction, changed).await? {
            return Ok(value);
        }
    }
}
