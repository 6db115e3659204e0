//! `forecourt:repair/orders`.

use forecourt_sdk::identity::{Stamp, stamp};
use forecourt_sdk::{check, clock, events, identity, ids};

use super::{pricing, promised, supply};
use crate::collections::{JOB_CLOCKS, ORDERS, orders};
use crate::reception::{self, check_odometer};
use crate::wit::repair::events::{
    Approved, Cancelled, Declined, DeferredWork, Dispatched, FindingsReported, Progress, QuoteSent, Received,
};
use crate::wit::repair::orders::{
    Completion, Decision, Error, Finding, Guest, LineChange, NewLine, OrderSummary, OrderView, Page, Reception,
    Refusal, WorkPlan,
};
use crate::wit::repair::records::{JobClock, LineState, Order, OrderState, Quote, Snapshot};
use crate::work::check_clock;
use crate::{Paged, Repair};

impl From<Paged<Order>> for Page {
    fn from(page: Paged<Order>) -> Self {
        let page = page.map(Order::summary);
        Self { items: page.items, next: page.next }
    }
}

/// The order, which through a link is that of the link's customer.
fn known(order: &str) -> Result<Order, Error> {
    let order = ORDERS.get(order)?.ok_or(Error::NotFound)?;
    match identity::link() {
        Some(link) if link.customer != order.customer => Err(Error::NotFound),
        _ => Ok(order),
    }
}

/// The order, taken through `command`.
fn opened(order: &str, expected_version: u64, command: &str) -> Result<(Order, Stamp), Error> {
    let mut order = known(order)?;
    let stamp = stamp();
    order.advance(expected_version, command, &stamp)?;
    Ok((order, stamp))
}

fn kept(order: Order) -> Result<OrderSummary, Error> {
    ORDERS.put(&order.id, &order)?;
    Ok(order.summary())
}

/// The order of this vehicle with the greatest odometer reading.
fn last_order(snapshot: &Snapshot) -> Result<Option<Order>, Error> {
    let query = match (&snapshot.vin, &snapshot.plate) {
        (Some(vin), _) => ORDERS.query(orders::BY_VIN).equal(vin),
        (None, Some(plate)) => ORDERS.query(orders::BY_PLATE).equal(plate),
        (None, None) => return Ok(None),
    };
    Ok(query.backward().first()?)
}

fn publish_progress(order: &Order) -> Result<(), Error> {
    let (id, number, promised_at) = (order.id.clone(), order.number.clone(), order.promised_at.clone());
    Ok(events::publish(&order.id, &Progress { order: id, number, state: order.state, promised_at })?)
}

fn publish_decision(order: &Order, decision: &Decision, approved: Vec<String>) -> Result<(), Error> {
    let (id, number) = (order.id.clone(), order.number.clone());
    let decided = order.lines.iter().filter(|line| approved.contains(&line.id));
    let amount = decided.map(|line| line.price).sum();
    let payload = Approved { order: id, number, lines: approved, method: decision.method, amount };
    events::publish(&order.id, &payload)?;
    for put_off in &decision.deferred {
        let line = order.line(&put_off.line)?;
        let (id, vin, code) = (order.id.clone(), order.snapshot.vin.clone(), line.code.clone());
        events::publish(&order.id, &DeferredWork { order: id, line: line.id.clone(), vin, code })?;
    }
    Ok(())
}

impl Guest for Repair {
    fn get_order(order: String) -> Result<OrderView, Error> {
        let order = known(&order)?;
        let (totals, open) = (order.totals(), order.open_to(&identity::caller().id));
        Ok(OrderView { order, totals, open })
    }

    fn list_orders(state: Option<OrderState>, page: Option<String>) -> Result<Page, Error> {
        let query = match state {
            Some(state) => ORDERS.query(orders::BY_STATE).equal(&state),
            None => ORDERS.query(orders::BY_RECEPTION),
        };
        Ok(query.page(0, page.as_deref())?.into())
    }

    fn find_orders(text: String, page: Option<String>) -> Result<Page, Error> {
        let text = check::text("text", &text, 100)?;
        Ok(ORDERS.search(orders::TEXT, text, 0, page.as_deref())?.into())
    }

    fn receive(reception: Reception) -> Result<OrderSummary, Error> {
        let concerns = reception::check(&reception)?;
        check_odometer(reception.snapshot.odometer, last_order(&reception.snapshot)?.as_ref())?;
        let store = identity::store().ok_or_else(|| Error::Other("no-store".to_owned()))?;
        let today = clock::today();
        let series = format!("ro-{}", today.split('-').next().unwrap_or_default());
        let stamp = stamp();
        let mut order = Order {
            id: ids::unique(),
            version: 1,
            state: OrderState::Received,
            number: reception::number(&store, &today, ids::number(&series)),
            type_: reception.type_,
            vehicle: reception.vehicle,
            customer: reception.customer,
            snapshot: reception.snapshot,
            concerns,
            walk_around: reception.walk_around,
            old_parts: reception.old_parts,
            waiting: reception.waiting,
            promised_at: reception.promised_at,
            advisor: stamp.by.clone(),
            inspector: None,
            lines: Vec::new(),
            quote: None,
            parts_untracked: false,
            bay: None,
            planned_start: None,
            planned_end: None,
            self_check: None,
            reason: None,
            stages: Vec::new(),
            created_at: stamp.at.clone(),
            created_by: stamp.by.clone(),
            department: stamp.department.clone(),
        };
        order.enter(OrderState::Received, &stamp);
        let payload = Received {
            order: order.id.clone(),
            number: order.number.clone(),
            type_: order.type_,
            vin: order.snapshot.vin.clone(),
            odometer: order.snapshot.odometer,
            concerns: u32::try_from(order.concerns.len()).unwrap_or(u32::MAX),
        };
        events::publish(&order.id, &payload)?;
        promised::watch(&order)?;
        kept(order)
    }

    fn assign_inspection(order: String, expected_version: u64, tech: String) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "assign-inspection")?;
        order.inspector = Some(check::text("tech", &tech, 64)?.to_owned());
        kept(order)
    }

    fn record_findings(order: String, expected_version: u64, findings: Vec<Finding>) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "record-findings")?;
        if order.inspector.as_deref() != Some(stamp.by.as_str()) {
            return Err(Error::NotAssigned(stamp.by));
        }
        order.explain(&findings)?;
        let (id, number) = (order.id.clone(), order.number.clone());
        events::publish(&order.id, &FindingsReported { order: id, number })?;
        kept(order)
    }

    fn add_line(order: String, expected_version: u64, line: NewLine) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "add-line")?;
        let (listed, quantity) = pricing::charged(&line.charge)?;
        order.add_line(&line, listed, quantity)?;
        kept(order)
    }

    fn change_line(
        order: String,
        expected_version: u64,
        line: String,
        change: LineChange,
    ) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "change-line")?;
        let line = order.line_mut(&line)?;
        let unit_price = pricing::unit_price(line)?;
        let (quantity, payer) = (change.quantity.unwrap_or(line.quantity), change.payer.unwrap_or(line.payer));
        if let Some(reservation) = line.reprice(unit_price, quantity, payer)? {
            supply::release(line, &reservation)?;
        }
        kept(order)
    }

    fn remove_line(order: String, expected_version: u64, line: String) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "remove-line")?;
        let found = order.line(&line)?;
        if found.state != LineState::Proposed {
            return Err(found.refused());
        }
        order.lines.retain(|kept| kept.id != line);
        kept(order)
    }

    fn send_quote(order: String, expected_version: u64, valid_until: Option<String>) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "send-quote")?;
        order.check_quotable()?;
        if valid_until.as_ref().is_some_and(|last| *last < clock::today()) {
            return Err(("valid_until", "past").into());
        }
        let number = order.quote.as_ref().map_or(1, |quote| quote.number + 1);
        let total = order.total();
        order.quote = Some(Quote { number, sent_at: stamp.at, valid_until, total });
        let payload = QuoteSent { order: order.id.clone(), number: order.number.clone(), quote: number, total };
        events::publish(&order.id, &payload)?;
        kept(order)
    }

    fn approve(order: String, expected_version: u64, decision: Decision) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "approve")?;
        let decision = decision.through(identity::link().map(|link| link.id).as_deref())?;
        let approved = order.decide(&decision, &stamp)?;
        supply::reserve_approved(&mut order, &approved, decision.if_short)?;
        publish_decision(&order, &decision, approved)?;
        kept(order)
    }

    fn decline(order: String, expected_version: u64, refusal: Refusal) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "decline")?;
        let refusal = refusal.through(identity::link().map(|link| link.id).as_deref())?;
        order.decline_all(&refusal, &stamp)?;
        order.enter(OrderState::ReadyToReturn, &stamp);
        let (id, number) = (order.id.clone(), order.number.clone());
        events::publish(&order.id, &Declined { order: id, number })?;
        promised::unwatch(&order)?;
        kept(order)
    }

    fn reserve_parts(order: String, expected_version: u64) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "reserve-parts")?;
        supply::reserve_ordered(&mut order)?;
        kept(order)
    }

    fn dispatch(order: String, expected_version: u64, plan: WorkPlan) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "dispatch")?;
        order.plan(plan)?;
        let (id, number, bay) = (order.id.clone(), order.number.clone(), order.bay.clone().unwrap_or_default());
        events::publish(&order.id, &Dispatched { order: id, number, bay })?;
        kept(order)
    }

    fn start_work(order: String, expected_version: u64) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "start-work")?;
        let issues = order.start(&stamp.by)?;
        check_clock(JOB_CLOCKS.get(&stamp.by)?, &order.id)?;
        let (id, number) = (order.id.clone(), order.number.clone());
        JOB_CLOCKS.put(&stamp.by, &JobClock { tech: stamp.by.clone(), order: id, number, since: stamp.at })?;
        supply::issue(&mut order, issues)?;
        publish_progress(&order)?;
        kept(order)
    }

    fn finish(order: String, expected_version: u64, completion: Completion) -> Result<OrderSummary, Error> {
        let (mut order, stamp) = opened(&order, expected_version, "finish")?;
        let back = order.complete(&completion, &stamp)?;
        supply::give_back(&back)?;
        let mut techs: Vec<&str> = order.lines.iter().filter_map(|line| line.tech.as_deref()).collect();
        techs.sort_unstable();
        techs.dedup();
        for tech in techs {
            if JOB_CLOCKS.get(tech)?.is_some_and(|clock| clock.order == order.id) {
                JOB_CLOCKS.delete(tech)?;
            }
        }
        publish_progress(&order)?;
        promised::unwatch(&order)?;
        kept(order)
    }

    fn cancel(order: String, expected_version: u64, reason: String) -> Result<OrderSummary, Error> {
        let (mut order, _) = opened(&order, expected_version, "cancel")?;
        order.reason = Some(check::text("reason", &reason, 500)?.to_owned());
        supply::release_all(&mut order)?;
        let (id, number) = (order.id.clone(), order.number.clone());
        events::publish(&order.id, &Cancelled { order: id, number })?;
        promised::unwatch(&order)?;
        kept(order)
    }
}
