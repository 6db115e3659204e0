use super::*;
use crate::wit::parts::records::MovementKind;

fn batch(id: &str, state: QualityState, on_hand: i64, expires: Option<&str>) -> Batch {
    Batch {
        id: id.into(),
        version: 1,
        state,
        part: "P".into(),
        received: on_hand,
        on_hand,
        unit_cost: 100,
        supplier: None,
        lot: None,
        expires: expires.map(Into::into),
        created_at: String::new(),
        created_by: String::new(),
        department: None,
    }
}

fn movement(batch: &str, quantity: i64, cost: i64) -> Movement {
    let kind = if quantity < 0 { MovementKind::Issue } else { MovementKind::UnusedReturn };
    let (id, part, reservation) = (String::new(), "P".into(), Some("r".into()));
    Movement { id, part, batch: batch.into(), kind, quantity, cost, reservation, at: String::new(), by: String::new() }
}

#[test]
fn available_never_falls_below_zero() {
    let mut level = Level { on_hand: 5000, reserved: 2000, ..Level::empty("P") };
    assert_eq!(level.available(), 3000);
    level.reserved = 6000;
    assert_eq!(level.available(), 0);
}

#[test]
fn issues_cost_the_moving_average_and_the_last_one_takes_the_rest() {
    let mut level = Level::empty("P");
    level.put_in(QualityState::Ok, 1000, 100);
    level.put_in(QualityState::Ok, 2000, 400);
    assert_eq!(level.take_out(QualityState::Ok, 1000), 167);
    assert_eq!(level.take_out(QualityState::Ok, 1000), 167);
    assert_eq!(level.take_out(QualityState::Ok, 1000), 166);
    assert_eq!(level, Level::empty("P"));
}

#[test]
fn quarantine_is_worth_something_and_not_available_and_rejection_ends_both() {
    let mut level = Level::empty("P");
    level.put_in(QualityState::Quarantine, 2000, 600);
    assert_eq!((level.available(), level.value), (0, 600));
    assert_eq!(level.take_out(QualityState::Quarantine, 2000), 600);
    level.put_in(QualityState::Rejected, 2000, 600);
    assert_eq!(level, Level::empty("P"));
}

#[test]
fn what_expires_first_goes_first_then_what_came_first() {
    let batches = [
        batch("a", QualityState::Ok, 1000, None),
        batch("b", QualityState::Ok, 1000, Some("2026-12-31")),
        batch("c", QualityState::Ok, 1000, Some("2026-06-30")),
        batch("d", QualityState::Ok, 1000, None),
    ];
    let picked = pick(&batches, 3500, "2026-01-10");
    assert_eq!(picked, Ok(vec![(2, 1000), (1, 1000), (0, 1000), (3, 500)]));
}

#[test]
fn only_good_goods_within_their_time_are_taken() {
    let batches = [
        batch("a", QualityState::Quarantine, 1000, None),
        batch("b", QualityState::Rejected, 1000, None),
        batch("c", QualityState::Ok, 1000, Some("2026-01-09")),
        batch("d", QualityState::Ok, 1000, Some("2026-01-10")),
        batch("e", QualityState::Ok, 0, None),
    ];
    assert_eq!(pick(&batches, 1000, "2026-01-10"), Ok(vec![(3, 1000)]));
    assert_eq!(pick(&batches, 1001, "2026-01-10"), Err(1000));
}

#[test]
fn unused_goods_go_back_to_their_batches_at_the_cost_of_their_issue() {
    let issued = [movement("a", -1000, -167), movement("b", -2000, -300)];
    let back = give_back(&issued, 2500).unwrap();
    assert_eq!(
        back,
        [
            GoingBack { batch: "b".into(), quantity: 2000, cost: 300 },
            GoingBack { batch: "a".into(), quantity: 500, cost: 84 },
        ]
    );
}

#[test]
fn what_is_back_already_does_not_come_back_again() {
    let moved = [movement("a", -1000, -100), movement("a", 400, 40)];
    assert_eq!(give_back(&moved, 600).unwrap(), [GoingBack { batch: "a".into(), quantity: 600, cost: 60 }]);
    assert_eq!(give_back(&moved, 601), None);
}

#[test]
fn a_batch_goes_from_quarantine_to_use_or_away() {
    assert_eq!(BATCH.open_list(QualityState::Quarantine), ["accept-batch", "reject-batch"]);
    assert_eq!(BATCH.open_list(QualityState::Ok), ["quarantine-batch"]);
    for state in [QualityState::Rejected, QualityState::Returned, QualityState::Scrapped] {
        assert!(BATCH.open_list(state).is_empty());
    }
}
