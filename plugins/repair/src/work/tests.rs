use super::*;
use crate::sample;
use crate::wit::repair::orders::Assignment;
use crate::wit::repair::records::OrderState;

fn approved() -> Order {
    let mut order = sample::order(OrderState::Approved);
    let mut part = sample::approved(sample::part("2", 250));
    part.supplied(SupplyState::Reserved, Some("r-2".into()));
    order.lines = vec![sample::approved(sample::labour("1", 100)), part, sample::labour("3", 7)];
    order.lines[2].state = LineState::Deferred;
    order
}

fn plan(assignments: &[(&str, &str)]) -> WorkPlan {
    let assignments =
        assignments.iter().map(|(line, tech)| Assignment { line: (*line).into(), tech: (*tech).into() }).collect();
    WorkPlan { bay: "B3".into(), assignments, planned_start: None, planned_end: None }
}

fn in_work() -> Order {
    let mut order = approved();
    order.plan(plan(&[("1", "li")])).unwrap();
    order.start("li").unwrap();
    order.state = OrderState::InProgress;
    let supply = order.lines[1].supply.as_mut().unwrap();
    (supply.state, supply.issued) = (SupplyState::Issued, 2000);
    order
}

fn completion(usage: &[(&str, i64, i64)]) -> Completion {
    let usage =
        usage.iter().map(|(line, used, returned)| Usage { line: (*line).into(), used: *used, returned: *returned });
    Completion { usage: usage.collect(), self_check_passed: true, note: None }
}

#[test]
fn only_approved_lines_are_dispatched_and_labour_has_somebody() {
    assert_eq!(approved().plan(plan(&[("1", "li")])), Ok(()));
    assert_eq!(approved().plan(plan(&[("1", "li"), ("3", "li")])), Err(Error::LinesUnapproved(vec!["3".into()])));
    assert_eq!(approved().plan(plan(&[("2", "li")])), Err(Error::LinesUnassigned(vec!["1".into()])));
    assert_eq!(approved().plan(plan(&[("9", "li")])), Err(Error::UnknownLine("9".into())));
    let nowhere = WorkPlan { bay: " ".into(), ..plan(&[("1", "li")]) };
    assert_eq!(approved().plan(nowhere), Err(("bay", "empty").into()));
    let (start, end) = (Some("2026-01-10T09:00:00.000Z".into()), Some("2026-01-10T08:00:00.000Z".into()));
    let backwards = WorkPlan { planned_start: start, planned_end: end, ..plan(&[("1", "li")]) };
    assert_eq!(approved().plan(backwards), Err(("planned_end", "before-start").into()));
}

#[test]
fn an_order_of_parts_alone_needs_somebody_too() {
    let mut order = approved();
    order.lines.remove(0);
    assert_eq!(order.plan(plan(&[])), Err(Error::LinesUnassigned(vec!["2".into()])));
    assert_eq!(order.plan(plan(&[("2", "li")])), Ok(()));
}

#[test]
fn work_starts_by_its_technician_with_all_parts_at_hand() {
    let mut order = approved();
    order.plan(plan(&[("1", "li")])).unwrap();
    assert_eq!(order.clone().start("wang"), Err(Error::NotAssigned("wang".into())));
    let mut short = order.clone();
    short.lines[1].supplied(SupplyState::OnOrder, None);
    assert_eq!(short.start("li"), Err(Error::PartsMissing(vec!["2".into()])));
    assert_eq!(order.start("li"), Ok(vec![("2".into(), "r-2".into())]));
    let states: Vec<LineState> = order.lines.iter().map(|line| line.state).collect();
    assert_eq!(states, [LineState::InProgress, LineState::InProgress, LineState::Deferred]);
}

#[test]
fn one_clock_at_a_time() {
    let clock = JobClock { tech: "li".into(), order: "o-1".into(), number: "RO-1".into(), since: String::new() };
    assert_eq!(check_clock(None, "o-2"), Ok(()));
    assert_eq!(check_clock(Some(clock.clone()), "o-1"), Ok(()));
    let running = ClockRunning { tech: "li".into(), order: "RO-1".into() };
    assert_eq!(check_clock(Some(clock), "o-2"), Err(Error::ClockRunning(running)));
}

#[test]
fn what_was_issued_is_used_or_goes_back() {
    let mut order = in_work();
    let back = order.complete(&completion(&[("2", 1500, 500)]), &sample::stamp()).unwrap();
    assert_eq!(back, [GoingBack { reservation: "r-2".into(), quantity: 500 }]);
    let supply = order.lines[1].supply.clone().unwrap();
    assert_eq!((supply.state, supply.used, supply.returned), (SupplyState::Used, 1500, 500));
    assert_eq!(order.lines[0].state, LineState::Done);
    assert!(order.self_check.unwrap().passed);
    assert_eq!(in_work().complete(&completion(&[("2", 2000, 0)]), &sample::stamp()), Ok(vec![]));
}

#[test]
fn every_guard_of_row_12_refuses() {
    let refused = |completion: Completion| in_work().complete(&completion, &sample::stamp()).unwrap_err();
    let mismatch = |line: &str, issued, used, returned| {
        Error::UsageMismatch(UsageMismatch { line: line.into(), issued, used, returned })
    };
    assert_eq!(refused(completion(&[])), mismatch("2", 2000, 0, 0));
    assert_eq!(refused(completion(&[("2", 1500, 400)])), mismatch("2", 2000, 1500, 400));
    assert_eq!(refused(completion(&[("2", 2500, -500)])), mismatch("2", 2000, 2500, -500));
    assert_eq!(refused(completion(&[("2", i64::MAX, 1)])), mismatch("2", 2000, i64::MAX, 1));
    assert_eq!(refused(completion(&[("1", 1, 0), ("2", 2000, 0)])), mismatch("1", 0, 1, 0));
    assert_eq!(refused(completion(&[("9", 1, 0)])), Error::UnknownLine("9".into()));
    let failed = Completion { self_check_passed: false, ..completion(&[("2", 2000, 0)]) };
    assert_eq!(refused(failed), Error::SelfCheckFailed);
    let mut stranger = sample::stamp();
    stranger.by = "wang".into();
    let refused = in_work().complete(&completion(&[("2", 2000, 0)]), &stranger);
    assert_eq!(refused, Err(Error::NotAssigned("wang".into())));
}

#[test]
fn parts_that_nobody_counts_are_noted_as_told() {
    let mut order = in_work();
    order.lines[1].supplied(SupplyState::Untracked, None);
    assert_eq!(order.complete(&completion(&[("2", 1000, 0)]), &sample::stamp()), Ok(vec![]));
    assert_eq!(order.lines[1].supply.clone().unwrap().used, 1000);
    assert_eq!(order.lines[1].supply_state(), Some(SupplyState::Untracked));
}
