use super::*;
use crate::sample;
use crate::wit::repair::orders::{IfShort, PutOff, WrongLineState};
use crate::wit::repair::records::OrderState;

fn order() -> Order {
    let mut order = sample::order(OrderState::AwaitingApproval);
    order.lines = vec![sample::labour("1", 100), sample::part("2", 250)];
    order
}

fn decision(approved: &[&str], deferred: &[&str]) -> Decision {
    Decision {
        method: ApprovalMethod::Phone,
        by: "Wang".into(),
        evidence: "call 17".into(),
        approved: approved.iter().map(|id| (*id).to_owned()).collect(),
        deferred: deferred.iter().map(|id| PutOff { line: (*id).to_owned(), reason: "later".into() }).collect(),
        if_short: IfShort::Refuse,
    }
}

fn refusal() -> Refusal {
    let (by, evidence, reason) = ("Wang".into(), "call 17".into(), "too dear".into());
    Refusal { method: ApprovalMethod::Phone, by, evidence, reason }
}

#[test]
fn an_approved_line_carries_its_evidence_and_amount() {
    let mut order = order();
    assert_eq!(order.decide(&decision(&["1"], &["2"]), &sample::stamp()), Ok(vec!["1".into()]));
    let granted = order.lines[0].authorisation.clone().unwrap();
    assert_eq!(
        (granted.state, granted.amount, granted.evidence.as_str()),
        (AuthorisationState::Granted, 100, "call 17")
    );
    assert_eq!(order.lines[1].state, LineState::Deferred);
    assert_eq!(order.lines[1].deferred.as_ref().unwrap().reason, "later");
    assert_eq!(order.lines[1].authorisation.as_ref().unwrap().state, AuthorisationState::Refused);
}

#[test]
fn a_link_proves_what_came_through_it_and_nothing_else() {
    let through = decision(&["1"], &["2"]).through(Some("0123456789abcdef")).unwrap();
    assert_eq!((through.method, through.evidence.as_str()), (ApprovalMethod::Link, "link:0123456789abcdef"));
    let claimed = Decision { method: ApprovalMethod::Link, ..decision(&["1"], &["2"]) };
    assert_eq!(claimed.through(None).unwrap_err(), ("method", "not-by-link").into());
    assert_eq!(decision(&["1"], &["2"]).through(None).unwrap().evidence, "call 17");
    let claimed = Refusal { method: ApprovalMethod::Link, ..refusal() };
    assert!(claimed.through(None).is_err());
    assert_eq!(refusal().through(Some("a")).unwrap().evidence, "link:a");
}

#[test]
fn every_guard_of_row_5_refuses() {
    let refused = |decision: Decision| order().decide(&decision, &sample::stamp()).unwrap_err();
    assert_eq!(refused(decision(&["1"], &[])), Error::LinesUndecided(vec!["2".into()]));
    assert_eq!(refused(decision(&[], &["1", "2"])), Error::NothingApproved);
    assert_eq!(refused(decision(&["7"], &[])), Error::UnknownLine("7".into()));
    let twice = WrongLineState { line: "1".into(), state: LineState::Approved };
    assert_eq!(refused(decision(&["1", "1"], &["2"])), Error::WrongLineState(twice.clone()));
    assert_eq!(refused(decision(&["1"], &["1", "2"])), Error::WrongLineState(twice));
    assert_eq!(refused(Decision { evidence: " ".into(), ..decision(&["1", "2"], &[]) }), Error::EvidenceMissing);
    assert_eq!(refused(Decision { by: " ".into(), ..decision(&["1", "2"], &[]) }), ("by", "empty").into());
}

#[test]
fn a_second_decision_is_about_the_new_lines_only() {
    let mut order = order();
    order.decide(&decision(&["1"], &["2"]), &sample::stamp()).unwrap();
    order.lines.push(sample::labour("3", 50));
    assert_eq!(order.decide(&decision(&[], &["3"]), &sample::stamp()), Ok(vec![]));
    assert_eq!(order.lines[0].state, LineState::Approved);
}

#[test]
fn all_is_declined_or_nothing() {
    let mut declined = order();
    declined.decline_all(&refusal(), &sample::stamp()).unwrap();
    assert!(declined.lines.iter().all(|line| line.state == LineState::Declined));
    assert_eq!(declined.reason.as_deref(), Some("too dear"));
    let mut approved = order();
    approved.lines[0] = sample::approved(sample::labour("1", 100));
    assert_eq!(approved.decline_all(&refusal(), &sample::stamp()), Err(Error::LinesApproved(vec!["1".into()])));
    let without = Refusal { evidence: String::new(), ..refusal() };
    assert_eq!(order().decline_all(&without, &sample::stamp()), Err(Error::EvidenceMissing));
}

#[test]
fn a_quote_needs_a_line_to_decide_on() {
    assert_eq!(order().check_quotable(), Ok(()));
    assert_eq!(sample::order(OrderState::Quoting).check_quotable(), Err(Error::NothingProposed));
}
