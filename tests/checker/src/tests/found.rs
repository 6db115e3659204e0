//! Histories made by hand, one for each name.

use super::*;

#[test]
fn lists_that_contradict_one_another() {
    let one = || tx(1, vec![append(5, 1)]);
    assert_eq!(named(vec![one(), tx(2, vec![append(5, 1)])], &[(5, &[1])]).0, Name::Malformed);
    assert_eq!(named(vec![one()], &[(5, &[1, 9])]).0, Name::FromNowhere);
    assert_eq!(named(vec![one()], &[(5, &[1, 1])]).0, Name::Duplicate);
    assert_eq!(named(vec![one()], &[]).0, Name::LostAppend);
    assert_eq!(named(vec![one(), tx(2, vec![append(5, 2), read(5, &[1])])], &[(5, &[1, 2])]).0, Name::OwnAppendMissing);
    let unseen = vec![one(), tx(2, vec![append(5, 2), range(0, 9, &[])])];
    assert_eq!(named(unseen, &[(5, &[2, 1])]).0, Name::OwnAppendMissing);
    let orders = vec![one(), tx(2, vec![append(5, 2)]), tx(3, vec![read(5, &[2])])];
    assert_eq!(named(orders, &[(5, &[1, 2])]).0, Name::IncompatibleOrder);
    let gone = vec![one(), tx(2, vec![append(5, 2)]), tx(3, vec![read(5, &[1, 2])])];
    assert_eq!(named(gone, &[(5, &[1])]).0, Name::LostAppend);
    let other = vec![one(), tx(2, vec![append(5, 2)]), tx(3, vec![read(5, &[1, 2])])];
    assert_eq!(named(other, &[(5, &[2])]).0, Name::IncompatibleOrder);
}

#[test]
fn an_append_of_unknown_outcome_that_was_seen_and_then_is_gone() {
    let unknown = ended(Outcome::Unknown, tx(1, vec![append(5, 1)]));
    assert_eq!(named(vec![unknown, tx(2, vec![read(5, &[1])])], &[]).0, Name::LostAppend);
}

#[test]
fn g1a_an_aborted_read() {
    let aborted = ended(Outcome::Aborted, tx(1, vec![append(5, 1)]));
    assert_eq!(named(vec![aborted.clone(), tx(2, vec![read(5, &[1])])], &[]).0, Name::AbortedRead);
    assert_eq!(named(vec![aborted], &[(5, &[1])]).0, Name::AbortedRead);
}

#[test]
fn g1b_an_intermediate_read() {
    let two = tx(1, vec![append(5, 1), append(5, 2)]);
    assert_eq!(named(vec![two, tx(2, vec![read(5, &[1])])], &[(5, &[1, 2])]).0, Name::IntermediateRead);
}

#[test]
fn g0_a_dirty_write() {
    let transactions = vec![tx(1, vec![append(5, 1), append(6, 1)]), tx(2, vec![append(5, 2), append(6, 2)])];
    assert_eq!(named(transactions, &[(5, &[1, 2]), (6, &[2, 1])]), (Name::DirtyWrite, false));
}

#[test]
fn g1c_circular_information() {
    let transactions = vec![tx(1, vec![append(5, 1), read(6, &[2])]), tx(2, vec![append(6, 2), read(5, &[1])])];
    assert_eq!(named(transactions, &[(5, &[1]), (6, &[2])]), (Name::CircularInformation, false));
}

#[test]
fn g_single_a_read_skew_and_a_lost_update() {
    let skew = vec![tx(1, vec![append(5, 1), append(6, 1)]), tx(2, vec![read(5, &[1]), read(6, &[])])];
    assert_eq!(named(skew, &[(5, &[1]), (6, &[1])]), (Name::ReadSkew, false));
    let lost = vec![tx(1, vec![read(5, &[]), append(5, 1)]), tx(2, vec![read(5, &[]), append(5, 2)])];
    assert_eq!(named(lost, &[(5, &[1, 2])]), (Name::ReadSkew, false));
    let twice = vec![tx(1, vec![append(5, 1)]), tx(2, vec![read(5, &[]), read(5, &[1])])];
    assert_eq!(named(twice, &[(5, &[1])]), (Name::ReadSkew, false));
    let half = vec![tx(1, vec![append(5, 1), append(6, 1)]), tx(2, vec![range(0, 9, &[(6, &[1])])])];
    assert_eq!(named(half, &[(5, &[1]), (6, &[1])]), (Name::ReadSkew, false));
}

#[test]
fn g2_item_a_write_skew() {
    let transactions = vec![tx(1, vec![read(5, &[]), append(6, 1)]), tx(2, vec![read(6, &[]), append(5, 2)])];
    assert_eq!(named(transactions, &[(5, &[2]), (6, &[1])]), (Name::WriteSkew, false));
}

#[test]
fn g2_a_phantom() {
    let transactions = vec![tx(1, vec![range(0, 9, &[]), append(5, 1)]), tx(2, vec![range(0, 9, &[]), append(6, 2)])];
    assert_eq!(named(transactions, &[(5, &[1]), (6, &[2])]), (Name::Phantom, false));
    // The end of a range does not belong to it.
    let apart = vec![tx(1, vec![range(0, 6, &[]), append(5, 1)]), tx(2, vec![range(6, 9, &[]), append(6, 2)])];
    assert!(judge(apart, &[(5, &[1]), (6, &[2])]).is_ok());
}

/// Fekete, O'Neil and O'Neil, 2004: the withdrawal has not seen the deposit, and is charged the fee; the customer has seen the deposit without either.
#[test]
fn g_read_only() {
    let deposit = || tx(1, vec![read(6, &[]), append(6, 1)]);
    let withdraw = || tx(2, vec![read(5, &[]), read(6, &[]), append(5, 2)]);
    let look = || tx(3, vec![read(5, &[]), read(6, &[1])]);
    let last: &[(Key, &[Element])] = &[(5, &[2]), (6, &[1])];
    assert_eq!(named(vec![deposit(), withdraw(), look()], last), (Name::ReadOnly, false));
    assert!(judge(vec![deposit(), withdraw()], last).is_ok(), "without the reader there is an order");
}

#[test]
fn what_ended_must_be_seen_by_what_begins_later() {
    let stale = vec![at(0, 10, tx(1, vec![append(5, 1)])), at(20, 30, tx(2, vec![read(5, &[])]))];
    assert_eq!(named(stale, &[(5, &[1])]), (Name::ReadSkew, true));
    let meanwhile = vec![at(0, 20, tx(1, vec![append(5, 1)])), at(20, 30, tx(2, vec![read(5, &[])]))];
    assert!(judge(meanwhile, &[(5, &[1])]).is_ok());
    let unknown =
        vec![ended(Outcome::Unknown, at(0, 10, tx(1, vec![append(5, 1)]))), at(20, 30, tx(2, vec![read(5, &[])]))];
    assert!(judge(unknown, &[(5, &[1])]).is_ok(), "it may have been committed late");
    let turned =
        vec![at(0, 10, tx(1, vec![append(5, 1)])), at(11, 12, tx(9, vec![])), at(20, 30, tx(2, vec![append(5, 2)]))];
    assert_eq!(named(turned, &[(5, &[2, 1])]), (Name::DirtyWrite, true));
    let far = vec![
        at(0, 10, tx(1, vec![append(5, 1)])),
        at(20, 30, tx(2, vec![append(6, 2)])),
        at(0, 99, tx(3, vec![read(5, &[]), read(6, &[2])])),
    ];
    assert_eq!(named(far, &[(5, &[1]), (6, &[2])]), (Name::ReadSkew, true));
}

#[test]
fn the_shortest_cycle_is_told_so_that_people_understand_it() {
    let mut transactions = vec![
        tx(1, vec![read(5, &[]), append(6, 1)]),
        tx(2, vec![read(6, &[]), read(7, &[]), append(5, 2)]),
        tx(3, vec![read(5, &[2]), append(7, 3)]),
    ];
    transactions.push(tx(4, vec![read(7, &[3]), append(6, 4)]));
    let anomalies = judge(transactions, &[(5, &[2]), (6, &[1, 4]), (7, &[3])]).unwrap_err();
    let expected = "G2-item (write skew): 2 transactions in a circle\n  \
        T2 read key 6 without 1, which T1 appended\n  \
        T1 read key 5 without 2, which T2 appended\n  \
        T2 (Committed, 0 to 1000): read 6 []; read 7 []; append 5 2;\n  \
        T1 (Committed, 0 to 1000): read 5 []; append 6 1;";
    let told = anomalies[0].to_string();
    let rotated = expected.lines().all(|line| told.lines().any(|other| other == line));
    assert!(rotated && told.lines().count() == expected.lines().count(), "{told}");
    assert_eq!(anomalies.len(), 1);
}
