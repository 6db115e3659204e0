//! A future that goes on when nobody waits for it any more.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a future where it is awaited, and hands what is left of it to a task of its own when it is dropped before its end. A task from
/// the beginning would cost every call a change of threads.
pub(crate) struct Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    running: Option<Pin<Box<F>>>,
}

impl<F> Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    pub(crate) fn new(future: F) -> Self {
        Self { running: Some(Box::pin(future)) }
    }
}

impl<F> Future for Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(running) = &mut self.running else { return Poll::Pending };
        let polled = running.as_mut().poll(context);
        if polled.is_ready() {
            self.running = None;
        }
        polled
    }
}

impl<F> Drop for Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime there is nothing left that could run it.
        if let (Some(running), Ok(runtime)) = (self.running.take(), tokio::runtime::Handle::try_current()) {
            drop(runtime.spawn(running));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_dropped_goes_on_to_its_end() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel::<u8>();
        let mut detached = Box::pin(Detached::new(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        }));
        let polled = futures::poll!(detached.as_mut());
        assert!(polled.is_pending());
        drop(detached);
        go.send(()).unwrap();
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn what_is_awaited_gives_its_value() {
        assert_eq!(Detached::new(async { 3 }).await, 3);
    }
}
