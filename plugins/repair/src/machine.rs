//! The states of an order and the commands open in each (DOMAIN §6.3).

use forecourt_sdk::identity::Stamp;
use forecourt_sdk::machine::{Machine, Row};

use crate::wit::repair::orders::Error;
use crate::wit::repair::records::{Order, OrderState, Stage, SupplyState};
use OrderState::{
    Approved, AwaitingApproval, Cancelled, Declined, Dispatched, InProgress, Inspecting, Quoting, Received, WorkDone,
};

/// The table, in the order of an order's way.
pub(crate) const ORDER: Machine<OrderState> = Machine::new(&[
    Row { command: "assign-inspection", from: &[Received], to: Some(Inspecting) },
    Row { command: "record-findings", from: &[Inspecting], to: Some(Quoting) },
    Row { command: "add-line", from: &[Quoting], to: None },
    Row { command: "change-line", from: &[Quoting, AwaitingApproval, Approved], to: Some(Quoting) },
    Row { command: "remove-line", from: &[Quoting], to: None },
    Row { command: "send-quote", from: &[Quoting], to: Some(AwaitingApproval) },
    Row { command: "approve", from: &[AwaitingApproval], to: Some(Approved) },
    Row { command: "decline", from: &[AwaitingApproval], to: Some(Declined) },
    Row { command: "reserve-parts", from: &[Approved, Dispatched], to: None },
    Row { command: "dispatch", from: &[Approved], to: Some(Dispatched) },
    Row { command: "start-work", from: &[Dispatched], to: Some(InProgress) },
    Row { command: "finish", from: &[InProgress], to: Some(WorkDone) },
    Row { command: "cancel", from: &[Received, Inspecting, Quoting, AwaitingApproval, Approved], to: Some(Cancelled) },
]);

impl Order {
    /// Takes the order through `command`: its version counts on and its stage is noted.
    ///
    /// # Errors
    /// `stale` or `wrong-state`.
    pub(crate) fn advance(&mut self, expected_version: u64, command: &str, stamp: &Stamp) -> Result<(), Error> {
        if self.version != expected_version {
            return Err(Error::Stale(self.version));
        }
        let after = ORDER.after(self.state, command).map_err(Error::WrongState)?;
        self.version += 1;
        self.enter(after, stamp);
        Ok(())
    }

    /// Notes that the order came into a state, unless it is there already.
    pub(crate) fn enter(&mut self, state: OrderState, stamp: &Stamp) {
        if self.state != state || self.stages.is_empty() {
            self.state = state;
            self.stages.push(Stage { state, at: stamp.at.clone(), by: stamp.by.clone() });
        }
    }

    /// Whether work on the order is still to be done.
    pub(crate) fn is_unfinished(&self) -> bool {
        let states = [
            Received,
            Inspecting,
            Quoting,
            AwaitingApproval,
            Approved,
            Dispatched,
            InProgress,
            OrderState::WaitingParts,
            OrderState::OnHold,
        ];
        states.contains(&self.state)
    }

    /// The commands open to this user, whatever the user's roles.
    pub(crate) fn open_to(&self, user: &str) -> Vec<String> {
        let does = |command: &str| match command {
            "record-findings" => self.inspector.as_deref() == Some(user),
            "start-work" | "finish" => self.is_done_by(user),
            "reserve-parts" => self.lines.iter().any(|line| line.supply_state() == Some(SupplyState::OnOrder)),
            _ => true,
        };
        ORDER.open(self.state).filter(|command| does(command)).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_main_way_is_open_step_by_step() {
        let way = [
            (Received, "assign-inspection", Inspecting),
            (Inspecting, "record-findings", Quoting),
            (Quoting, "send-quote", AwaitingApproval),
            (AwaitingApproval, "approve", Approved),
            (Approved, "dispatch", Dispatched),
            (Dispatched, "start-work", InProgress),
            (InProgress, "finish", WorkDone),
        ];
        for (from, command, to) in way {
            assert_eq!(ORDER.after(from, command), Ok(to), "{command}");
        }
    }

    #[test]
    fn work_cannot_start_before_approval_and_nothing_is_cancelled_after_it() {
        for state in [Received, Inspecting, Quoting, AwaitingApproval, Declined, Cancelled] {
            assert_eq!(ORDER.after(state, "dispatch"), Err(state));
            assert_eq!(ORDER.after(state, "start-work"), Err(state));
        }
        for state in [Dispatched, InProgress, WorkDone] {
            assert_eq!(ORDER.after(state, "cancel"), Err(state));
        }
    }

    #[test]
    fn a_command_counts_the_version_and_notes_the_stage() {
        let mut order = sample::order(Received);
        let stamp = sample::stamp();
        assert_eq!(order.advance(7, "assign-inspection", &stamp), Err(Error::Stale(1)));
        assert_eq!(order.advance(1, "approve", &stamp), Err(Error::WrongState(Received)));
        assert_eq!((order.version, order.stages.len()), (1, 1));
        order.advance(1, "assign-inspection", &stamp).unwrap();
        assert_eq!((order.version, order.state, order.stages.len()), (2, Inspecting, 2));
        order.state = Quoting;
        order.advance(2, "add-line", &stamp).unwrap();
        assert_eq!((order.version, order.stages.len()), (3, 2));
    }

    #[test]
    fn an_order_is_unfinished_until_its_work_is_done_or_given_up() {
        let unfinished = |state| sample::order(state).is_unfinished();
        assert!([Received, AwaitingApproval, InProgress, OrderState::WaitingParts].into_iter().all(unfinished));
        assert!(![WorkDone, Declined, Cancelled, OrderState::ReadyToReturn].into_iter().any(unfinished));
    }

    #[test]
    fn only_the_one_who_does_it_is_offered_it() {
        let mut order = sample::order(Inspecting);
        order.inspector = Some("li".into());
        assert_eq!(order.open_to("li"), ["record-findings", "cancel"]);
        assert_eq!(order.open_to("wang"), ["cancel"]);
        let mut order = sample::order(Dispatched);
        order.lines = vec![sample::labour("1", 100)];
        order.lines[0].tech = Some("li".into());
        assert_eq!(order.open_to("li"), ["start-work"]);
        assert!(order.open_to("wang").is_empty());
        order.lines.push(sample::part_on_order("2"));
        assert_eq!(order.open_to("wang"), ["reserve-parts"]);
    }
}
