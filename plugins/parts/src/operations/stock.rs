//! `forecourt:parts/stock`.

use forecourt_sdk::check::{self, Broken};
use forecourt_sdk::{clock, events, identity, ids, money};

use crate::Parts;
use crate::catalogue::{PRICE_MAX, QUANTITY_MAX};
use crate::collections::{BATCHES, LEVELS, MOVEMENTS, batches, movements};
use crate::operations::{find_part, low_stock, move_stock};
use crate::stock::BATCH;
use crate::wit::parts::events::Received;
use crate::wit::parts::records::{Batch, Level, MovementKind, Part, PartState, QualityState};
use crate::wit::parts::stock::{
    Availability, BatchPage, BatchView, Error, Guest, Incoming, InvalidField, LevelPage, MovementPage, Receipt,
};

impl From<Broken> for Error {
    fn from((field, rule): Broken) -> Self {
        Self::Invalid(InvalidField { field: field.into(), rule: rule.into() })
    }
}

impl From<Level> for Availability {
    fn from(level: Level) -> Self {
        let available = level.available();
        let Level { part, on_hand, quarantined, reserved, value } = level;
        Self { part, on_hand, quarantined, reserved, available, value }
    }
}

fn part(number: &str) -> Result<Part, Error> {
    find_part(number)?.ok_or(Error::NotFound)
}

fn level(part: &str) -> Result<Level, Error> {
    Ok(LEVELS.get(part)?.unwrap_or_else(|| Level::empty(part)))
}

/// Takes a batch through `command`: its goods leave the level in the old quality and come in again in the new one.
fn judged(batch: &str, expected_version: u64, command: &str) -> Result<(Batch, Level), Error> {
    let mut batch = BATCHES.get(batch)?.ok_or(Error::NotFound)?;
    if batch.version != expected_version {
        return Err(Error::Stale(batch.version));
    }
    let after = BATCH.after(batch.state, command).map_err(Error::WrongState)?;
    let mut level = level(&batch.part)?;
    let cost = level.take_out(batch.state, batch.on_hand);
    level.put_in(after, batch.on_hand, cost);
    batch.state = after;
    batch.version += 1;
    if level.on_hand < level.reserved {
        return Err(Error::Reserved(level.reserved - level.on_hand));
    }
    BATCHES.put(&batch.id, &batch)?;
    LEVELS.put(&level.part, &level)?;
    Ok((batch, level))
}

fn checked(receipt: &Receipt, today: &str) -> Result<(), Error> {
    check::positive("quantity", receipt.quantity, QUANTITY_MAX)?;
    check::number("unit_cost", receipt.unit_cost, PRICE_MAX)?;
    check::optional("supplier", receipt.supplier.as_deref(), 100)?;
    check::optional("lot", receipt.lot.as_deref(), 100)?;
    if receipt.expires.as_deref().is_some_and(|last| last < today) {
        return Err(("expires", "expired").into());
    }
    Ok(())
}

impl Guest for Parts {
    fn get_level(part: String) -> Result<Availability, Error> {
        Ok(level(&self::part(&part)?.id)?.into())
    }

    fn list_levels(page: Option<String>) -> Result<LevelPage, Error> {
        let found = LEVELS.scan("", 0, page.as_deref())?.map(Availability::from);
        Ok(LevelPage { items: found.items, next: found.next })
    }

    fn get_batch(batch: String) -> Result<BatchView, Error> {
        let batch = BATCHES.get(&batch)?.ok_or(Error::NotFound)?;
        let open = BATCH.open_list(batch.state);
        Ok(BatchView { batch, open })
    }

    fn list_batches(part: String, page: Option<String>) -> Result<BatchPage, Error> {
        let part = self::part(&part)?;
        let found = BATCHES.query(batches::BY_PART).equal(&part.id).page(0, page.as_deref())?;
        Ok(BatchPage { items: found.items, next: found.next })
    }

    fn list_movements(part: String, page: Option<String>) -> Result<MovementPage, Error> {
        let part = self::part(&part)?;
        let found = MOVEMENTS.query(movements::BY_PART).equal(&part.id).backward().page(0, page.as_deref())?;
        Ok(MovementPage { items: found.items, next: found.next })
    }

    fn receive(receipt: Receipt) -> Result<Batch, Error> {
        let part = part(&receipt.part)?;
        if part.state == PartState::Withdrawn {
            return Err(Error::Withdrawn);
        }
        checked(&receipt, &clock::today())?;
        let state = match receipt.quality {
            Incoming::Ok => QualityState::Ok,
            Incoming::Quarantine => QualityState::Quarantine,
        };
        let cost = money::line_price(receipt.unit_cost, receipt.quantity).ok_or(("unit_cost", "too-large"))?;
        let stamp = identity::stamp();
        let batch = Batch {
            id: ids::unique(),
            version: 1,
            state,
            part: part.id.clone(),
            received: receipt.quantity,
            on_hand: receipt.quantity,
            unit_cost: receipt.unit_cost,
            supplier: receipt.supplier,
            lot: receipt.lot,
            expires: receipt.expires,
            created_at: stamp.at,
            created_by: stamp.by,
            department: stamp.department,
        };
        let mut level = level(&part.id)?;
        level.put_in(state, batch.on_hand, cost);
        BATCHES.put(&batch.id, &batch)?;
        LEVELS.put(&level.part, &level)?;
        move_stock(&batch, MovementKind::Receipt, batch.on_hand, cost, None)?;
        let (quantity, available) = (batch.on_hand, level.available());
        events::publish(&part.id, &Received { part: part.id.clone(), batch: batch.id.clone(), quantity, available })?;
        Ok(batch)
    }

    fn accept_batch(batch: String, expected_version: u64) -> Result<Batch, Error> {
        Ok(judged(&batch, expected_version, "accept-batch")?.0)
    }

    fn quarantine_batch(batch: String, expected_version: u64) -> Result<Batch, Error> {
        let (batch, level) = judged(&batch, expected_version, "quarantine-batch")?;
        low_stock(&part(&batch.part)?, &level, batch.on_hand)?;
        Ok(batch)
    }

    fn reject_batch(batch: String, expected_version: u64) -> Result<Batch, Error> {
        Ok(judged(&batch, expected_version, "reject-batch")?.0)
    }
}
