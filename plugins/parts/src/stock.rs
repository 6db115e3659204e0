//! Arithmetic of stock: levels, and which batches goods are taken from and go back to.

use forecourt_sdk::machine::{Machine, Row};
use forecourt_sdk::money;

use crate::wit::parts::records::{Batch, Level, Movement, QualityState};

/// The states of a batch and the commands open in each.
pub(crate) const BATCH: Machine<QualityState> = Machine::new(&[
    Row { command: "accept-batch", from: &[QualityState::Quarantine], to: Some(QualityState::Ok) },
    Row { command: "quarantine-batch", from: &[QualityState::Ok], to: Some(QualityState::Quarantine) },
    Row { command: "reject-batch", from: &[QualityState::Quarantine], to: Some(QualityState::Rejected) },
]);

impl Level {
    /// The level of a part that never had stock.
    pub(crate) fn empty(part: &str) -> Self {
        Self { part: part.to_owned(), on_hand: 0, quarantined: 0, reserved: 0, value: 0 }
    }

    /// What can be reserved (DOMAIN §7.4 rule 1).
    pub(crate) fn available(&self) -> i64 {
        (self.on_hand - self.reserved).max(0)
    }

    /// Goods of a batch of this quality come in at this cost; rejected ones no longer count.
    pub(crate) fn put_in(&mut self, quality: QualityState, quantity: i64, cost: i64) {
        match quality {
            QualityState::Ok => self.on_hand += quantity,
            QualityState::Quarantine => self.quarantined += quantity,
            QualityState::Rejected | QualityState::Returned | QualityState::Scrapped => return,
        }
        self.value += cost;
    }

    /// Goods of a batch of this quality go out at the moving average; their cost.
    pub(crate) fn take_out(&mut self, quality: QualityState, quantity: i64) -> i64 {
        let whole = self.on_hand + self.quarantined;
        let cost = match quality {
            QualityState::Ok | QualityState::Quarantine => money::share(self.value, quantity, whole).unwrap_or(0),
            QualityState::Rejected | QualityState::Returned | QualityState::Scrapped => return 0,
        };
        self.put_in(quality, -quantity, -cost);
        cost
    }
}

/// Takes `wanted` from batches that are good for use on `today`: what expires first, then what came first (FEFO, then FIFO). Gives
/// each batch's index with how much of it.
///
/// # Errors
/// How much they hold, where that is not enough.
pub(crate) fn pick(batches: &[Batch], wanted: i64, today: &str) -> Result<Vec<(usize, i64)>, i64> {
    let mut order: Vec<(usize, &Batch)> = batches
        .iter()
        .enumerate()
        .filter(|(_, batch)| batch.state == QualityState::Ok && batch.on_hand > 0)
        .filter(|(_, batch)| batch.expires.as_deref().is_none_or(|last| last >= today))
        .collect();
    order.sort_by(|(_, a), (_, b)| {
        let expiry = |batch: &Batch| (batch.expires.is_none(), batch.expires.clone());
        expiry(a).cmp(&expiry(b)).then_with(|| a.id.cmp(&b.id))
    });
    let mut left = wanted;
    let mut picked = Vec::new();
    for (index, batch) in order {
        if left == 0 {
            break;
        }
        let taken = left.min(batch.on_hand);
        picked.push((index, taken));
        left -= taken;
    }
    if left == 0 { Ok(picked) } else { Err(wanted - left) }
}

/// What goes back to a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoingBack {
    pub(crate) batch: String,
    pub(crate) quantity: i64,
    pub(crate) cost: i64,
}

/// Spreads `quantity` of unused goods over the batches that a reservation's movements came from, the last issued first, each at the
/// cost of its issue. None where less than `quantity` is out.
pub(crate) fn give_back(movements: &[Movement], quantity: i64) -> Option<Vec<GoingBack>> {
    let mut out: Vec<GoingBack> = Vec::new();
    for movement in movements {
        match out.iter_mut().find(|known| known.batch == movement.batch) {
            Some(known) => {
                known.quantity -= movement.quantity;
                known.cost -= movement.cost;
            }
            None => {
                out.push(GoingBack {
                    batch: movement.batch.clone(),
                    quantity: -movement.quantity,
                    cost: -movement.cost,
                });
            }
        }
    }
    let mut left = quantity;
    let mut back = Vec::new();
    for still_out in out.into_iter().rev().filter(|still_out| still_out.quantity > 0) {
        if left == 0 {
            break;
        }
        let taken = left.min(still_out.quantity);
        let cost = money::share(still_out.cost, taken, still_out.quantity)?;
        back.push(GoingBack { batch: still_out.batch, quantity: taken, cost });
        left -= taken;
    }
    (left == 0).then_some(back)
}

#[cfg(test)]
mod tests;
