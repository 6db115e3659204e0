//! States and arithmetic of reservations.

use forecourt_sdk::machine::{Machine, Row};

use crate::wit::parts::records::{Reservation, ReservationState};

/// The states of a reservation and the commands open in each. What was issued before the rest was given up may still come back.
pub(crate) const RESERVATION: Machine<ReservationState> = Machine::new(&[
    Row { command: "issue", from: &[ReservationState::Active, ReservationState::PartlyIssued], to: None },
    Row {
        command: "release",
        from: &[ReservationState::Active, ReservationState::PartlyIssued],
        to: Some(ReservationState::Released),
    },
    Row {
        command: "return-unused",
        from: &[
            ReservationState::PartlyIssued,
            ReservationState::Issued,
            ReservationState::Released,
            ReservationState::Expired,
        ],
        to: None,
    },
]);

impl Reservation {
    /// What is held and not yet issued.
    pub(crate) fn held(&self) -> i64 {
        match self.state {
            ReservationState::Active | ReservationState::PartlyIssued => self.quantity - self.issued,
            ReservationState::Issued | ReservationState::Released | ReservationState::Expired => 0,
        }
    }

    /// What was issued and has not come back.
    pub(crate) fn out(&self) -> i64 {
        self.issued - self.returned
    }

    /// Notes an issue of `quantity`, at most what is held.
    pub(crate) fn issue(&mut self, quantity: i64) {
        self.issued += quantity;
        self.state =
            if self.issued == self.quantity { ReservationState::Issued } else { ReservationState::PartlyIssued };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::parts::records::{Purpose, PurposeKind};

    fn reservation(quantity: i64) -> Reservation {
        Reservation {
            id: "r".into(),
            version: 1,
            state: ReservationState::Active,
            part: "P".into(),
            purpose: Purpose { kind: PurposeKind::RepairLine, order: "o".into(), line: "l".into() },
            quantity,
            issued: 0,
            returned: 0,
            created_at: String::new(),
            created_by: String::new(),
            department: None,
        }
    }

    #[test]
    fn issuing_in_steps_ends_in_issued() {
        let mut reservation = reservation(3000);
        reservation.issue(1000);
        assert_eq!((reservation.state, reservation.held()), (ReservationState::PartlyIssued, 2000));
        reservation.issue(2000);
        assert_eq!((reservation.state, reservation.held(), reservation.out()), (ReservationState::Issued, 0, 3000));
        reservation.returned = 500;
        assert_eq!(reservation.out(), 2500);
    }

    #[test]
    fn what_is_given_up_is_held_no_more() {
        let mut reservation = reservation(3000);
        reservation.issue(1000);
        reservation.state = RESERVATION.after(reservation.state, "release").unwrap();
        assert_eq!((reservation.held(), reservation.out()), (0, 1000));
        assert_eq!(RESERVATION.open_list(reservation.state), ["return-unused"]);
        assert_eq!(RESERVATION.after(reservation.state, "issue"), Err(ReservationState::Released));
    }
}
