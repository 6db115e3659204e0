//! The parts of approved lines, held and issued by area parts in the same transaction.
//!
//! INVARIANT (supply-follows-approval): reservations are taken on approval only, and given up with it.

use forecourt_sdk::events;

use crate::wit::parts::records::{Purpose, PurposeKind};
use crate::wit::parts::reservations::{self, Error as PartsError};
use crate::wit::repair::events::PartsRequested;
use crate::wit::repair::orders::{Error, IfShort, PartShort};
use crate::wit::repair::records::{Line, LineState, Order, SupplyState};
use crate::work::GoingBack;

fn purpose(order: &str, line: &str) -> Purpose {
    Purpose { kind: PurposeKind::RepairLine, order: order.to_owned(), line: line.to_owned() }
}

fn failed(line: &Line, error: PartsError) -> Error {
    match error {
        PartsError::NotFound | PartsError::Withdrawn => Error::NotListed(line.code.clone()),
        PartsError::Shortage(short) => Error::PartsShort(vec![part_short(line, short)]),
        other => Error::Other(format!("parts/reservations: {other:?}")),
    }
}

fn part_short(line: &Line, short: reservations::Shortage) -> PartShort {
    PartShort { line: line.id.clone(), part: short.part, wanted: short.wanted, available: short.available }
}

/// Tries to reserve a line's parts; gives the shortage where stock does not meet it. A refused reservation leaves nothing behind.
fn reserve(order: &str, line: &mut Line) -> Result<Option<PartShort>, Error> {
    match reservations::reserve(&purpose(order, &line.id), &line.code, line.quantity) {
        Ok(reservation) => line.supplied(SupplyState::Reserved, Some(reservation.id)),
        Err(PartsError::NotEnabled) => line.supplied(SupplyState::Untracked, None),
        Err(PartsError::Shortage(short)) => return Ok(Some(part_short(line, short))),
        Err(error) => return Err(failed(line, error)),
    }
    Ok(None)
}

/// Reports a shortage to area parts and notes that the line's parts are on order.
fn order_parts(order: &str, line: &mut Line) -> Result<(), Error> {
    let reported = reservations::note_shortage(&purpose(order, &line.id), &line.code, line.quantity);
    reported.map_err(|error| failed(line, error))?;
    line.supplied(SupplyState::OnOrder, None);
    let (part, quantity) = (line.code.clone(), line.quantity);
    events::publish(order, &PartsRequested { order: order.to_owned(), line: line.id.clone(), part, quantity })?;
    Ok(())
}

/// Reserves the parts of the lines with these ids, which were approved just now.
///
/// DOMAIN's row 7 dispatches with parts "reserved or ordered", so a shortage need not stop an approval; the advisor says which.
pub(super) fn reserve_approved(order: &mut Order, approved: &[String], if_short: IfShort) -> Result<(), Error> {
    let mut short = Vec::new();
    let Order { id, lines, parts_untracked, .. } = order;
    for line in lines.iter_mut().filter(|line| line.needs_parts() && approved.contains(&line.id)) {
        if let Some(shortage) = reserve(id, line)? {
            match if_short {
                IfShort::Refuse => short.push(shortage),
                IfShort::Order => order_parts(id, line)?,
            }
        }
        *parts_untracked |= line.supply_state() == Some(SupplyState::Untracked);
    }
    if short.is_empty() { Ok(()) } else { Err(Error::PartsShort(short)) }
}

/// Tries again for the lines whose parts are on order.
pub(super) fn reserve_ordered(order: &mut Order) -> Result<(), Error> {
    let Order { id, lines, .. } = order;
    let waiting =
        |line: &&mut Line| line.state == LineState::Approved && line.supply_state() == Some(SupplyState::OnOrder);
    for line in lines.iter_mut().filter(waiting) {
        reserve(id, line)?;
    }
    Ok(())
}

/// Gives up a reservation.
pub(super) fn release(line: &Line, reservation: &str) -> Result<(), Error> {
    reservations::release(reservation).map(drop).map_err(|error| failed(line, error))
}

/// Gives up the reservations of all lines.
pub(super) fn release_all(order: &mut Order) -> Result<(), Error> {
    for line in &mut order.lines {
        let held = line.supply.as_ref().filter(|supply| supply.state == SupplyState::Reserved);
        if let Some(reservation) = held.and_then(|supply| supply.reservation.clone()) {
            release(line, &reservation)?;
            line.supplied(SupplyState::Released, Some(reservation));
        }
    }
    Ok(())
}

/// Issues reservations, each for a line.
pub(super) fn issue(order: &mut Order, issues: Vec<(String, String)>) -> Result<(), Error> {
    for (line, reservation) in issues {
        let line = order.line_mut(&line)?;
        let moved = reservations::issue(&reservation, None).map_err(|error| failed(line, error))?;
        line.supplied(SupplyState::Issued, Some(reservation));
        if let Some(supply) = &mut line.supply {
            supply.issued = moved.quantity;
        }
    }
    Ok(())
}

/// Returns unused goods.
pub(super) fn give_back(back: &[GoingBack]) -> Result<(), Error> {
    for unused in back {
        reservations::return_unused(&unused.reservation, unused.quantity)
            .map_err(|error| Error::Other(format!("parts/reservations: {error:?}")))?;
    }
    Ok(())
}
