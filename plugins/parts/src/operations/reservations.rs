//! `forecourt:parts/reservations`.

use forecourt_sdk::{clock, events, identity, ids};

use crate::Parts;
use crate::catalogue::QUANTITY_MAX;
use crate::collections::{BATCHES, LEVELS, MOVEMENTS, RESERVATIONS, batches, movements, reservations};
use crate::operations::{find_part, low_stock, move_stock};
use crate::reservation::RESERVATION;
use crate::stock::{give_back, pick};
use crate::wit::parts::events::{Issued, Released, Reserved, Returned, Shortage as ShortageReported};
use crate::wit::parts::records::{
    Level, MovementKind, Part, PartState, Purpose, QualityState, Reservation, ReservationState,
};
use crate::wit::parts::reservations::{Error, Guest, Moved, Page, ReservationView, Shortage, TooMuch};

fn level(part: &str) -> Result<Level, Error> {
    Ok(LEVELS.get(part)?.unwrap_or_else(|| Level::empty(part)))
}

fn reservation(id: &str) -> Result<Reservation, Error> {
    RESERVATIONS.get(id)?.ok_or(Error::NotFound)
}

/// The reservation for `command`, in the state it leads to and with the next version.
fn opened(id: &str, command: &str) -> Result<Reservation, Error> {
    let mut reservation = reservation(id)?;
    reservation.state = RESERVATION.after(reservation.state, command).map_err(Error::WrongState)?;
    reservation.version += 1;
    Ok(reservation)
}

/// A part that can still be sold, and a quantity that makes sense.
fn wish(part: &str, quantity: i64) -> Result<Part, Error> {
    let part = find_part(part)?.ok_or(Error::NotFound)?;
    match (part.state, quantity) {
        (PartState::Withdrawn, _) => Err(Error::Withdrawn),
        (_, ..=0) => Err(Error::NotPositive(quantity)),
        (_, asked) if asked > QUANTITY_MAX => Err(Error::TooMuch(TooMuch { asked, left: QUANTITY_MAX })),
        _ => Ok(part),
    }
}

/// `quantity` where it is above 0 and at most `left`.
fn within(quantity: i64, left: i64) -> Result<i64, Error> {
    match quantity {
        ..=0 => Err(Error::NotPositive(quantity)),
        asked if asked > left => Err(Error::TooMuch(TooMuch { asked, left })),
        _ => Ok(quantity),
    }
}

impl Guest for Parts {
    fn get_reservation(reservation: String) -> Result<ReservationView, Error> {
        let reservation = self::reservation(&reservation)?;
        let open = RESERVATION.open_list(reservation.state);
        Ok(ReservationView { reservation, open })
    }

    fn list_reservations(order: String, page: Option<String>) -> Result<Page, Error> {
        let found = RESERVATIONS.query(reservations::BY_ORDER).equal(&order).page(0, page.as_deref())?;
        Ok(Page { items: found.items, next: found.next })
    }

    fn reserve(purpose: Purpose, part: String, quantity: i64) -> Result<Reservation, Error> {
        let part = wish(&part, quantity)?;
        let mut level = level(&part.id)?;
        let available = level.available();
        if quantity > available {
            return Err(Error::Shortage(Shortage { part: part.id, wanted: quantity, available }));
        }
        level.reserved += quantity;
        LEVELS.put(&level.part, &level)?;
        let stamp = identity::stamp();
        let reservation = Reservation {
            id: ids::unique(),
            version: 1,
            state: ReservationState::Active,
            part: part.id,
            purpose,
            quantity,
            issued: 0,
            returned: 0,
            created_at: stamp.at,
            created_by: stamp.by,
            department: stamp.department,
        };
        RESERVATIONS.put(&reservation.id, &reservation)?;
        let (id, part, purpose) = (reservation.id.clone(), reservation.part.clone(), reservation.purpose.clone());
        let payload = Reserved { reservation: id, part, quantity, order: purpose.order, line: purpose.line };
        events::publish(&reservation.id, &payload)?;
        Ok(reservation)
    }

    fn note_shortage(purpose: Purpose, part: String, quantity: i64) -> Result<(), Error> {
        let part = wish(&part, quantity)?;
        let available = level(&part.id)?.available();
        let Purpose { order, line, .. } = purpose;
        let payload = ShortageReported { part: part.id.clone(), wanted: quantity, available, order, line };
        Ok(events::publish(&part.id, &payload)?)
    }

    fn release(reservation: String) -> Result<Reservation, Error> {
        let held = self::reservation(&reservation)?.held();
        let reservation = opened(&reservation, "release")?;
        let mut level = level(&reservation.part)?;
        level.reserved -= held;
        LEVELS.put(&level.part, &level)?;
        RESERVATIONS.put(&reservation.id, &reservation)?;
        let (id, part, purpose) = (reservation.id.clone(), reservation.part.clone(), reservation.purpose.clone());
        let payload = Released { reservation: id, part, quantity: held, order: purpose.order, line: purpose.line };
        events::publish(&reservation.id, &payload)?;
        Ok(reservation)
    }

    fn issue(reservation: String, quantity: Option<i64>) -> Result<Moved, Error> {
        let mut reservation = opened(&reservation, "issue")?;
        let held = reservation.held();
        let quantity = within(quantity.unwrap_or(held), held)?;
        let query = BATCHES.query(batches::STOCKED).equal(&reservation.part).equal(&QualityState::Ok).after(&0);
        let mut stocked = query.all()?;
        let mut level = level(&reservation.part)?;
        let picked = pick(&stocked, quantity, &clock::today()).map_err(|available| {
            Error::Shortage(Shortage { part: reservation.part.clone(), wanted: quantity, available })
        })?;
        let mut cost = 0;
        for (index, taken) in picked {
            let Some(batch) = stocked.get_mut(index) else { continue };
            let taken_cost = level.take_out(QualityState::Ok, taken);
            batch.on_hand -= taken;
            batch.version += 1;
            BATCHES.put(&batch.id, batch)?;
            move_stock(batch, MovementKind::Issue, -taken, -taken_cost, Some(&reservation.id))?;
            cost += taken_cost;
        }
        level.reserved -= quantity;
        reservation.issue(quantity);
        LEVELS.put(&level.part, &level)?;
        RESERVATIONS.put(&reservation.id, &reservation)?;
        let (id, part, purpose) = (reservation.id.clone(), reservation.part.clone(), reservation.purpose.clone());
        let payload = Issued { reservation: id, part, quantity, cost, order: purpose.order, line: purpose.line };
        events::publish(&reservation.id, &payload)?;
        let part = find_part(&reservation.part)?.ok_or(Error::NotFound)?;
        low_stock(&part, &level, quantity)?;
        Ok(Moved { reservation, quantity, cost })
    }

    fn return_unused(reservation: String, quantity: i64) -> Result<Moved, Error> {
        let mut reservation = opened(&reservation, "return-unused")?;
        let out = reservation.out();
        let quantity = within(quantity, out)?;
        let moved = MOVEMENTS.query(movements::BY_RESERVATION).equal(&reservation.id).all()?;
        let back = give_back(&moved, quantity).ok_or(Error::TooMuch(TooMuch { asked: quantity, left: out }))?;
        let mut level = level(&reservation.part)?;
        let mut cost = 0;
        for part_back in back {
            let mut batch = BATCHES.get(&part_back.batch)?.ok_or(Error::NotFound)?;
            batch.on_hand += part_back.quantity;
            batch.version += 1;
            level.put_in(batch.state, part_back.quantity, part_back.cost);
            BATCHES.put(&batch.id, &batch)?;
            move_stock(&batch, MovementKind::UnusedReturn, part_back.quantity, part_back.cost, Some(&reservation.id))?;
            cost += part_back.cost;
        }
        reservation.returned += quantity;
        LEVELS.put(&level.part, &level)?;
        RESERVATIONS.put(&reservation.id, &reservation)?;
        let (id, part, purpose) = (reservation.id.clone(), reservation.part.clone(), reservation.purpose.clone());
        let payload = Returned { reservation: id, part, quantity, order: purpose.order, line: purpose.line };
        events::publish(&reservation.id, &payload)?;
        Ok(Moved { reservation, quantity, cost })
    }
}
