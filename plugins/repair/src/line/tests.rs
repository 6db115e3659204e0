use super::*;
use crate::sample;
use crate::wit::repair::orders::{Charge, LabourCharge};
use crate::wit::repair::records::OrderState;

fn listed(unit_price: i64) -> Listed {
    Listed {
        kind: LineKind::Labour,
        code: "BRK-1".into(),
        name: "Front brake pads".into(),
        grade: None,
        unit: "工时".into(),
        std_hours: Some(1500),
        unit_price,
    }
}

fn new_line(concern: u32) -> NewLine {
    let charge = Charge::Labour(LabourCharge { code: "BRK-1".into(), hours: None });
    NewLine { concern, charge, payer: Payer::Customer }
}

#[test]
fn a_line_costs_unit_price_times_quantity_rounded_half_up() {
    let mut order = sample::order(OrderState::Quoting);
    order.add_line(&new_line(1), listed(33_333), 1500).unwrap();
    assert_eq!(order.lines[0].price, 50_000);
    assert_eq!(order.add_line(&new_line(9), listed(1), 1000), Err(Error::UnknownConcern(9)));
    assert_eq!(order.add_line(&new_line(1), listed(1), 0), Err(("quantity", "not-positive").into()));
    assert_eq!(order.add_line(&new_line(1), listed(-1), 1), Err(("unit_price", "negative").into()));
}

#[test]
fn ids_of_removed_lines_do_not_come_back_below_the_last() {
    let mut order = sample::order(OrderState::Quoting);
    for _ in 0..3 {
        order.add_line(&new_line(1), listed(100), 1000).unwrap();
    }
    order.lines.remove(0);
    order.add_line(&new_line(1), listed(100), 1000).unwrap();
    let ids: Vec<&str> = order.lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(ids, ["2", "3", "4"]);
}

#[test]
fn an_order_has_an_end_of_lines() {
    let mut order = sample::order(OrderState::Quoting);
    for _ in 0..LINES_MAX {
        order.add_line(&new_line(1), listed(100), 1000).unwrap();
    }
    assert_eq!(order.add_line(&new_line(1), listed(100), 1000), Err(("lines", "too-many").into()));
}

#[test]
fn totals_are_sums_of_rounded_lines_by_payer_without_what_is_put_off() {
    let mut order = sample::order(OrderState::Quoting);
    order.lines =
        vec![sample::labour("1", 100), sample::part("2", 250), sample::labour("3", 7), sample::labour("4", 9)];
    order.lines[2].payer = Payer::Insurer;
    order.lines[3].state = LineState::Deferred;
    let totals = order.totals();
    let customer = PayerTotal { payer: Payer::Customer, labour: 100, material: 250, others: 0, total: 350 };
    let insurer = PayerTotal { payer: Payer::Insurer, labour: 7, material: 0, others: 0, total: 7 };
    assert_eq!(totals, [customer, insurer]);
    assert_eq!(order.total(), 357);
}

#[test]
fn pricing_anew_resets_the_authorisation_and_gives_up_the_parts() {
    let mut line = sample::approved(sample::part("2", 250));
    line.supplied(SupplyState::Reserved, Some("r-1".into()));
    assert_eq!(line.reprice(300, 2000, Payer::Customer), Ok(Some("r-1".into())));
    assert_eq!((line.price, line.state, line.supply.clone()), (600, LineState::Proposed, None));
    assert_eq!(line.authorisation.map(|authorisation| authorisation.state), Some(AuthorisationState::Reset));
}

#[test]
fn a_line_that_is_done_or_put_off_is_not_priced_anew() {
    for state in [LineState::Declined, LineState::Deferred, LineState::InProgress, LineState::Done] {
        let mut line = sample::labour("1", 100);
        line.state = state;
        let refused = Error::WrongLineState(WrongLineState { line: "1".into(), state });
        assert_eq!(line.reprice(1, 1000, Payer::Customer), Err(refused));
    }
}
