//! Dispatch, start and end of work (DOMAIN §6.3 rows 7, 8 and 12).

use forecourt_sdk::check;
use forecourt_sdk::identity::Stamp;

use crate::wit::repair::orders::{ClockRunning, Completion, Error, Usage, UsageMismatch, WorkPlan};
use crate::wit::repair::records::{JobClock, Line, LineKind, LineState, Order, SelfCheck, SupplyState};

/// Unused goods of a line that go back to the store room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoingBack {
    pub(crate) reservation: String,
    pub(crate) quantity: i64,
}

fn refuse(lines: Vec<String>, error: fn(Vec<String>) -> Error) -> Result<(), Error> {
    if lines.is_empty() { Ok(()) } else { Err(error(lines)) }
}

/// A technician has at most one running job clock.
///
/// # Errors
/// `clock-running`.
pub(crate) fn check_clock(running: Option<JobClock>, order: &str) -> Result<(), Error> {
    match running {
        Some(clock) if clock.order != order => {
            Err(Error::ClockRunning(ClockRunning { tech: clock.tech, order: clock.number }))
        }
        _ => Ok(()),
    }
}

impl Order {
    fn ids(&self, which: impl Fn(&Line) -> bool) -> Vec<String> {
        self.lines.iter().filter(|line| which(line)).map(|line| line.id.clone()).collect()
    }

    /// Sets bay and technicians. No line that is not approved is dispatched; every approved line of labour has somebody.
    ///
    /// # Errors
    /// The first guard of row 7 that fails.
    pub(crate) fn plan(&mut self, plan: WorkPlan) -> Result<(), Error> {
        self.bay = Some(check::text("bay", &plan.bay, 40)?.to_owned());
        if let (Some(start), Some(end)) = (&plan.planned_start, &plan.planned_end)
            && end < start
        {
            return Err(("planned_end", "before-start").into());
        }
        let mut unapproved = Vec::new();
        for assignment in plan.assignments {
            let line = self.line_mut(&assignment.line)?;
            if line.state == LineState::Approved {
                line.tech = Some(assignment.tech);
            } else {
                unapproved.push(assignment.line);
            }
        }
        refuse(unapproved, Error::LinesUnapproved)?;
        let labour = self.lines.iter().any(|line| line.state == LineState::Approved && line.kind == LineKind::Labour);
        let needs = |line: &Line| line.state == LineState::Approved && (line.kind == LineKind::Labour || !labour);
        refuse(self.ids(|line| needs(line) && line.tech.is_none()), Error::LinesUnassigned)?;
        (self.planned_start, self.planned_end) = (plan.planned_start, plan.planned_end);
        Ok(())
    }

    /// Begins the approved lines; gives the reservations to issue, each with its line.
    ///
    /// # Errors
    /// `not-assigned` or `parts-missing`.
    pub(crate) fn start(&mut self, user: &str) -> Result<Vec<(String, String)>, Error> {
        if !self.is_done_by(user) {
            return Err(Error::NotAssigned(user.to_owned()));
        }
        let on_order =
            |line: &Line| line.state == LineState::Approved && line.supply_state() == Some(SupplyState::OnOrder);
        refuse(self.ids(on_order), Error::PartsMissing)?;
        let mut issues = Vec::new();
        for line in self.lines.iter_mut().filter(|line| line.state == LineState::Approved) {
            line.state = LineState::InProgress;
            if let Some(supply) = &line.supply
                && supply.state == SupplyState::Reserved
            {
                issues.extend(supply.reservation.clone().map(|reservation| (line.id.clone(), reservation)));
            }
        }
        Ok(issues)
    }

    /// Ends the lines in work: all issued parts are used or go back. Gives what goes back.
    ///
    /// # Errors
    /// The first guard of row 12 that fails.
    pub(crate) fn complete(&mut self, completion: &Completion, stamp: &Stamp) -> Result<Vec<GoingBack>, Error> {
        if !self.is_done_by(&stamp.by) {
            return Err(Error::NotAssigned(stamp.by.clone()));
        }
        if !completion.self_check_passed {
            return Err(Error::SelfCheckFailed);
        }
        let note = check::optional("note", completion.note.as_deref(), 2_000)?;
        for usage in &completion.usage {
            self.line(&usage.line)?;
        }
        let mut back = Vec::new();
        for line in self.lines.iter_mut().filter(|line| line.state == LineState::InProgress) {
            let told = completion.usage.iter().find(|usage| usage.line == line.id);
            back.extend(line.consume(told)?);
            line.state = LineState::Done;
        }
        self.self_check = Some(SelfCheck { passed: true, note, at: stamp.at.clone(), by: stamp.by.clone() });
        Ok(back)
    }
}

impl Line {
    /// Holds what the technician says against what was issued; gives what goes back.
    fn consume(&mut self, told: Option<&Usage>) -> Result<Option<GoingBack>, Error> {
        let (used, returned) = told.map_or((0, 0), |usage| (usage.used, usage.returned));
        let issued = self.supply.as_ref().map_or(0, |supply| supply.issued);
        let untracked = self.supply_state() == Some(SupplyState::Untracked);
        if used < 0 || returned < 0 || (!untracked && used.checked_add(returned) != Some(issued)) {
            return Err(Error::UsageMismatch(UsageMismatch { line: self.id.clone(), issued, used, returned }));
        }
        let Some(supply) = &mut self.supply else { return Ok(None) };
        (supply.used, supply.returned) = (used, returned);
        if untracked {
            return Ok(None);
        }
        supply.state = SupplyState::Used;
        let reservation = supply.reservation.clone().filter(|_| returned > 0);
        Ok(reservation.map(|reservation| GoingBack { reservation, quantity: returned }))
    }
}

#[cfg(test)]
mod tests;
