//! The exported operations: read, ask the rules, write, publish.

mod catalogue;
mod reservations;
mod stock;

use forecourt_sdk::{KernelError, check, clock, events, identity, ids};

use crate::collections::{MOVEMENTS, PARTS};
use crate::wit::parts::events::LowStock;
use crate::wit::parts::records::{Batch, Level, Movement, MovementKind, Part};

/// The part with this number, written in any way.
fn find_part(number: &str) -> Result<Option<Part>, KernelError> {
    match check::code("number", number) {
        Ok(number) => PARTS.get(&number),
        Err(_) => Ok(None),
    }
}

/// Writes a movement of a batch; there is no operation that changes one.
fn move_stock(
    batch: &Batch,
    kind: MovementKind,
    quantity: i64,
    cost: i64,
    reservation: Option<&str>,
) -> Result<(), KernelError> {
    let movement = Movement {
        id: ids::unique(),
        part: batch.part.clone(),
        batch: batch.id.clone(),
        kind,
        quantity,
        cost,
        reservation: reservation.map(str::to_owned),
        at: clock::now(),
        by: identity::caller().id,
    };
    MOVEMENTS.put(&movement.id, &movement)
}

/// Publishes `parts.low-stock` where the `taken` goods brought stock down to the minimum; not again while it stays there.
fn low_stock(part: &Part, level: &Level, taken: i64) -> Result<(), KernelError> {
    if part.minimum == 0 || level.on_hand > part.minimum || level.on_hand + taken <= part.minimum {
        return Ok(());
    }
    let (on_hand, minimum) = (level.on_hand, part.minimum);
    events::publish(&part.id, &LowStock { part: part.id.clone(), on_hand, minimum })
}
