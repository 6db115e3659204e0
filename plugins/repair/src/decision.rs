//! The customer's decision (DOMAIN §6.3 rows 4 to 6).

use forecourt_sdk::check;
use forecourt_sdk::identity::Stamp;

use crate::wit::repair::orders::{Decision, Error, Refusal};
use crate::wit::repair::records::{
    ApprovalMethod, Authorisation, AuthorisationState, Deferral, Line, LineState, Order,
};

/// How and by whom a decision was made, checked.
struct Evidence {
    method: ApprovalMethod,
    by: String,
    evidence: String,
}

impl Evidence {
    fn check(method: ApprovalMethod, by: &str, evidence: &str) -> Result<Self, Error> {
        if evidence.trim().is_empty() {
            return Err(Error::EvidenceMissing);
        }
        let evidence = check::text("evidence", evidence, 500)?.to_owned();
        Ok(Self { method, by: check::text("by", by, 100)?.to_owned(), evidence })
    }

    fn on(&self, line: &mut Line, state: AuthorisationState, stamp: &Stamp) {
        line.authorisation = Some(Authorisation {
            state,
            method: self.method,
            by: self.by.clone(),
            at: stamp.at.clone(),
            recorded_by: stamp.by.clone(),
            amount: line.price,
            evidence: self.evidence.clone(),
        });
    }
}

fn ids<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<String> {
    lines.map(|line| line.id.clone()).collect()
}

/// How a decision came and what proves it: through a link the link does, and nobody else says so.
fn proven(method: &mut ApprovalMethod, evidence: &mut String, link: Option<&str>) -> Result<(), Error> {
    match link {
        Some(link) => {
            *method = ApprovalMethod::Link;
            *evidence = format!("link:{link}");
            Ok(())
        }
        None if *method == ApprovalMethod::Link => Err(("method", "not-by-link").into()),
        None => Ok(()),
    }
}

impl Decision {
    /// The decision as made through the link of this id, or through none.
    ///
    /// # Errors
    /// `invalid` where it says that it came by a link and did not.
    pub(crate) fn through(mut self, link: Option<&str>) -> Result<Self, Error> {
        proven(&mut self.method, &mut self.evidence, link)?;
        Ok(self)
    }
}

impl Refusal {
    /// The same.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn through(mut self, link: Option<&str>) -> Result<Self, Error> {
        proven(&mut self.method, &mut self.evidence, link)?;
        Ok(self)
    }
}

impl Order {
    fn proposed(&mut self, id: &str) -> Result<&mut Line, Error> {
        let line = self.line_mut(id)?;
        if line.state == LineState::Proposed { Ok(line) } else { Err(line.refused()) }
    }

    /// Whether a quote may go out: at least one line waits for a decision.
    ///
    /// # Errors
    /// `nothing-proposed`.
    pub(crate) fn check_quotable(&self) -> Result<(), Error> {
        let proposed = self.lines.iter().any(|line| line.state == LineState::Proposed);
        if proposed { Ok(()) } else { Err(Error::NothingProposed) }
    }

    /// Decides on every proposed line; gives the ids of the lines approved now.
    ///
    /// INVARIANT (no-work-unapproved): this is the only way into `approved`.
    ///
    /// # Errors
    /// The first guard of row 5 that fails.
    pub(crate) fn decide(&mut self, decision: &Decision, stamp: &Stamp) -> Result<Vec<String>, Error> {
        let evidence = Evidence::check(decision.method, &decision.by, &decision.evidence)?;
        for id in &decision.approved {
            let line = self.proposed(id)?;
            line.state = LineState::Approved;
            evidence.on(line, AuthorisationState::Granted, stamp);
        }
        for put_off in &decision.deferred {
            let reason = check::text("reason", &put_off.reason, 500)?.to_owned();
            let line = self.proposed(&put_off.line)?;
            line.state = LineState::Deferred;
            line.deferred = Some(Deferral { reason, at: stamp.at.clone() });
            evidence.on(line, AuthorisationState::Refused, stamp);
        }
        let undecided = ids(self.lines.iter().filter(|line| line.state == LineState::Proposed));
        if !undecided.is_empty() {
            return Err(Error::LinesUndecided(undecided));
        }
        if !self.lines.iter().any(|line| line.state == LineState::Approved) {
            return Err(Error::NothingApproved);
        }
        Ok(decision.approved.clone())
    }

    /// Declines all lines.
    ///
    /// # Errors
    /// `evidence-missing`, `invalid`, or `lines-approved` where an earlier decision approved lines.
    pub(crate) fn decline_all(&mut self, refusal: &Refusal, stamp: &Stamp) -> Result<(), Error> {
        let evidence = Evidence::check(refusal.method, &refusal.by, &refusal.evidence)?;
        self.reason = Some(check::text("reason", &refusal.reason, 500)?.to_owned());
        let approved = ids(self.lines.iter().filter(|line| line.state == LineState::Approved));
        if !approved.is_empty() {
            return Err(Error::LinesApproved(approved));
        }
        for line in self.lines.iter_mut().filter(|line| line.state == LineState::Proposed) {
            line.state = LineState::Declined;
            evidence.on(line, AuthorisationState::Refused, stamp);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
