//! Lines of an order: prices, totals, pricing anew.

use forecourt_sdk::check;
use forecourt_sdk::money::line_price;

use crate::wit::repair::orders::{Error, NewLine, OrderSummary, PayerTotal, WrongLineState};
use crate::wit::repair::records::{
    AuthorisationState, Line, LineKind, LineState, Order, PartGrade, Payer, Supply, SupplyState,
};

/// The highest price of one unit, in fen: a hundred million yuan.
pub(crate) const PRICE_MAX: i64 = 10_000_000_000;
/// The greatest quantity, in thousandths: a million units.
pub(crate) const QUANTITY_MAX: i64 = 1_000_000_000;
/// The most lines of an order.
const LINES_MAX: usize = 200;

/// What a price list says about a labour operation or part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) kind: LineKind,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) grade: Option<PartGrade>,
    pub(crate) unit: String,
    pub(crate) std_hours: Option<i64>,
    pub(crate) unit_price: i64,
}

fn priced(unit_price: i64, quantity: i64) -> Result<i64, Error> {
    check::positive("quantity", quantity, QUANTITY_MAX)?;
    check::number("unit_price", unit_price, PRICE_MAX)?;
    Ok(line_price(unit_price, quantity).ok_or(("quantity", "too-large"))?)
}

impl Line {
    pub(crate) fn supply_state(&self) -> Option<SupplyState> {
        self.supply.as_ref().map(|supply| supply.state)
    }

    /// Whether the line takes parts from stock.
    pub(crate) fn needs_parts(&self) -> bool {
        matches!(self.kind, LineKind::Part | LineKind::Consumable)
    }

    /// Whether the line is charged.
    fn counts(&self) -> bool {
        !matches!(self.state, LineState::Declined | LineState::Deferred | LineState::Revived)
    }

    /// The error that the line's state does not allow what was asked.
    pub(crate) fn refused(&self) -> Error {
        Error::WrongLineState(WrongLineState { line: self.id.clone(), state: self.state })
    }

    /// The supply that the line gets on approval.
    pub(crate) fn supplied(&mut self, state: SupplyState, reservation: Option<String>) {
        self.supply = Some(Supply { state, reservation, issued: 0, used: 0, returned: 0 });
    }

    /// Prices the line anew: a decision on it no longer holds and it is proposed again. Gives the reservation to release.
    ///
    /// # Errors
    /// `wrong-line-state` where the line is neither proposed nor approved; `invalid`.
    pub(crate) fn reprice(&mut self, unit_price: i64, quantity: i64, payer: Payer) -> Result<Option<String>, Error> {
        if !matches!(self.state, LineState::Proposed | LineState::Approved) {
            return Err(self.refused());
        }
        self.price = priced(unit_price, quantity)?;
        (self.unit_price, self.quantity, self.payer) = (unit_price, quantity, payer);
        self.state = LineState::Proposed;
        if let Some(authorisation) = &mut self.authorisation {
            authorisation.state = AuthorisationState::Reset;
        }
        Ok(self.supply.take().and_then(|supply| supply.reservation))
    }
}

impl Order {
    pub(crate) fn line(&self, id: &str) -> Result<&Line, Error> {
        self.lines.iter().find(|line| line.id == id).ok_or_else(|| Error::UnknownLine(id.to_owned()))
    }

    pub(crate) fn line_mut(&mut self, id: &str) -> Result<&mut Line, Error> {
        self.lines.iter_mut().find(|line| line.id == id).ok_or_else(|| Error::UnknownLine(id.to_owned()))
    }

    /// Adds a line at its list price. Ids are not used twice within an order.
    ///
    /// # Errors
    /// `unknown-concern` or `invalid`.
    pub(crate) fn add_line(&mut self, new: &NewLine, listed: Listed, quantity: i64) -> Result<(), Error> {
        if !self.concerns.iter().any(|concern| concern.number == new.concern) {
            return Err(Error::UnknownConcern(new.concern));
        }
        if self.lines.len() >= LINES_MAX {
            return Err(("lines", "too-many").into());
        }
        let price = priced(listed.unit_price, quantity)?;
        let last = self.lines.iter().filter_map(|line| line.id.parse::<u32>().ok()).max().unwrap_or(0);
        self.lines.push(Line {
            id: (last + 1).to_string(),
            state: LineState::Proposed,
            concern: new.concern,
            kind: listed.kind,
            code: listed.code,
            name: listed.name,
            grade: listed.grade,
            unit: listed.unit,
            std_hours: listed.std_hours,
            quantity,
            unit_price: listed.unit_price,
            price,
            payer: new.payer,
            authorisation: None,
            supply: None,
            tech: None,
            deferred: None,
        });
        Ok(())
    }

    /// The total of the lines that are charged.
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().filter(|line| line.counts()).map(|line| line.price).sum()
    }

    /// Totals by payer, in the order in which payers appear.
    pub(crate) fn totals(&self) -> Vec<PayerTotal> {
        let mut totals: Vec<PayerTotal> = Vec::new();
        for line in self.lines.iter().filter(|line| line.counts()) {
            let index = totals.iter().position(|total| total.payer == line.payer).unwrap_or(totals.len());
            if index == totals.len() {
                totals.push(PayerTotal { payer: line.payer, labour: 0, material: 0, others: 0, total: 0 });
            }
            let Some(total) = totals.get_mut(index) else { continue };
            match line.kind {
                LineKind::Labour => total.labour += line.price,
                LineKind::Part | LineKind::Consumable => total.material += line.price,
                LineKind::Sublet | LineKind::Fee | LineKind::Package => total.others += line.price,
            }
            total.total += line.price;
        }
        totals
    }

    /// Whether this user is the technician of one of its lines.
    pub(crate) fn is_done_by(&self, user: &str) -> bool {
        self.lines.iter().any(|line| line.tech.as_deref() == Some(user))
    }

    /// The order as lists show it.
    pub(crate) fn summary(self) -> OrderSummary {
        let total = self.total();
        OrderSummary {
            id: self.id,
            version: self.version,
            state: self.state,
            number: self.number,
            type_: self.type_,
            vehicle: self.snapshot.plate.or(self.snapshot.vin).unwrap_or_default(),
            advisor: self.advisor,
            promised_at: self.promised_at,
            total,
            created_at: self.created_at,
        }
    }
}

#[cfg(test)]
mod tests;
