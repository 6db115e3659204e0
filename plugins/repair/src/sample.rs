//! Orders for tests.

use forecourt_sdk::identity::Stamp;

use crate::wit::repair::orders::{Complaint, Reception};
use crate::wit::repair::records::*;

pub(crate) fn stamp() -> Stamp {
    Stamp { at: "2026-01-10T08:30:00.000Z".into(), by: "li".into(), department: None }
}

pub(crate) fn snapshot() -> Snapshot {
    let contact = Contact { name: "Wang".into(), mobile: "13800138000".into() };
    Snapshot { vin: Some("LZZTEST14TA000001".into()), plate: Some("京A00000".into()), odometer: 30_000, contact }
}

pub(crate) fn walk_around() -> WalkAround {
    let damages = vec![Damage { place: "left door".into(), note: "scratch".into() }];
    WalkAround { damages, belongings: vec!["umbrella".into()], energy_level: Some(5_000), confirmed: true }
}

pub(crate) fn reception() -> Reception {
    let complaint = |words: &str| Complaint { words: words.into(), category: JobCategory::Mechanical };
    Reception {
        type_: OrderType::Repair,
        vehicle: None,
        customer: None,
        snapshot: snapshot(),
        concerns: vec![complaint("brakes squeal"), complaint("pulls to the left")],
        walk_around: walk_around(),
        old_parts: OldParts::Discard,
        waiting: false,
        promised_at: None,
    }
}

pub(crate) fn order(state: OrderState) -> Order {
    let concern = |number, words: &str| Concern {
        number,
        words: words.into(),
        category: JobCategory::Mechanical,
        cause: None,
        no_fault_found: false,
        correction: None,
    };
    Order {
        id: "o-1".into(),
        version: 1,
        state,
        number: "RO-BJ01-2026-000001".into(),
        type_: OrderType::Repair,
        vehicle: None,
        customer: None,
        snapshot: snapshot(),
        concerns: vec![concern(1, "brakes squeal"), concern(2, "pulls to the left")],
        walk_around: walk_around(),
        old_parts: OldParts::Discard,
        waiting: false,
        promised_at: None,
        advisor: "advisor".into(),
        inspector: None,
        lines: Vec::new(),
        quote: None,
        parts_untracked: false,
        bay: None,
        planned_start: None,
        planned_end: None,
        self_check: None,
        reason: None,
        stages: vec![Stage { state, at: stamp().at, by: "advisor".into() }],
        created_at: stamp().at,
        created_by: "advisor".into(),
        department: None,
    }
}

fn line(id: &str, kind: LineKind, price: i64) -> Line {
    Line {
        id: id.into(),
        state: LineState::Proposed,
        concern: 1,
        kind,
        code: "C".into(),
        name: "n".into(),
        grade: None,
        unit: "件".into(),
        std_hours: None,
        quantity: 1000,
        unit_price: price,
        price,
        payer: Payer::Customer,
        authorisation: None,
        supply: None,
        tech: None,
        deferred: None,
    }
}

pub(crate) fn labour(id: &str, price: i64) -> Line {
    line(id, LineKind::Labour, price)
}

pub(crate) fn part(id: &str, price: i64) -> Line {
    line(id, LineKind::Part, price)
}

pub(crate) fn approved(mut line: Line) -> Line {
    line.state = LineState::Approved;
    line.authorisation = Some(Authorisation {
        state: AuthorisationState::Granted,
        method: ApprovalMethod::Phone,
        by: "Wang".into(),
        at: stamp().at,
        recorded_by: "advisor".into(),
        amount: line.price,
        evidence: "call 17".into(),
    });
    line
}

pub(crate) fn part_on_order(id: &str) -> Line {
    let mut line = approved(part(id, 100));
    line.supplied(SupplyState::OnOrder, None);
    line
}
