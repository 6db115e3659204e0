//! The promised time: when it passes and the work is not done, those who care are told (DOMAIN §6, RE-22).

use forecourt_sdk::{events, timers};

use crate::Repair;
use crate::collections::ORDERS;
use crate::subscriptions::{Error as NotHandled, Event, Subscriber, Told};
use crate::wit::repair::events::Delayed;
use crate::wit::repair::orders::Error;
use crate::wit::repair::records::Order;

fn key(order: &str) -> String {
    format!("promised/{order}")
}

/// From now on the order's promised time is watched.
pub(super) fn watch(order: &Order) -> Result<(), Error> {
    match &order.promised_at {
        Some(at) => Ok(timers::set(&key(&order.id), at, &order.id)?),
        None => Ok(()),
    }
}

/// The order needs no watching any more.
pub(super) fn unwatch(order: &Order) -> Result<(), Error> {
    if order.promised_at.is_some() {
        timers::cancel(&key(&order.id))?;
    }
    Ok(())
}

impl Subscriber for Repair {
    fn handle(event: Event, _: &Told) -> Result<(), NotHandled> {
        let Event::Timer(fired) = event;
        let id: String = fired.payload()?;
        let Some(order) = ORDERS.get(&id)? else { return Ok(()) };
        // The work may have been done while the kernel was about to tell.
        let (true, Some(promised_at)) = (order.is_unfinished(), order.promised_at) else { return Ok(()) };
        let delayed = Delayed { order: order.id, number: order.number, state: order.state, promised_at };
        Ok(events::publish(&id, &delayed)?)
    }
}
