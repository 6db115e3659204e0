//! Histories that nothing is wrong with.

use proptest::prelude::*;

use super::*;

#[test]
fn a_history_without_transactions_is_clean() {
    assert_eq!(judge(vec![], &[]), Ok(Summary { counted: 0, seen_unknown: 0, elements: 0, edges: 0 }));
}

#[test]
fn own_appends_are_seen_among_what_is_read() {
    let transactions = vec![
        tx(1, vec![append(5, 1), append(5, 2), read(5, &[1, 2]), range(0, 9, &[(5, &[1, 2])])]),
        tx(2, vec![read(5, &[1, 2]), append(5, 3), read(5, &[1, 2, 3]), range(6, 2, &[])]),
    ];
    let summary = judge(transactions, &[(5, &[1, 2, 3])]).unwrap();
    assert_eq!((summary.counted, summary.elements), (2, 3));
    assert!(summary.edges > 0);
}

#[test]
fn an_unknown_outcome_counts_when_it_was_seen() {
    let unknown = |id, element| ended(Outcome::Unknown, tx(id, vec![read(6, &[]), append(5, element)]));
    let summary = judge(vec![unknown(1, 1), unknown(2, 2), tx(3, vec![read(5, &[1])])], &[(5, &[1])]).unwrap();
    assert_eq!((summary.counted, summary.seen_unknown), (2, 1));
}

/// What one transaction does when its turn comes, and how long before and after its turn it was under way.
#[derive(Debug, Clone)]
struct Turn {
    acts: Vec<(u8, Key)>,
    outcome: Outcome,
    early: u64,
    late: u64,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let outcome = prop_oneof![6 => Just(Outcome::Committed), 1 => Just(Outcome::Aborted), 1 => Just(Outcome::Unknown)];
    let acts = prop::collection::vec((0_u8..4, 0_u64..6), 0..6);
    let turn = (acts, outcome, 0_u64..60, 0_u64..60).prop_map(|(acts, outcome, early, late)| Turn {
        acts,
        outcome,
        early,
        late,
    });
    prop::collection::vec(turn, 0..60)
}

/// Runs the turns one after another. An unknown outcome of an even turn is a commit.
fn serial(turns: &[Turn]) -> History {
    let (mut state, mut transactions) = (BTreeMap::<Key, Vec<Element>>::new(), Vec::new());
    for (turn, id) in turns.iter().zip(0_u64..) {
        let mut mine = state.clone();
        let mut operations = Vec::new();
        for ((kind, key), number) in turn.acts.iter().zip(0_u64..) {
            let element = id * 100 + number;
            operations.push(match kind {
                0 => range(
                    *key,
                    5,
                    &mine.range(*key..(*key).max(5)).map(|(key, list)| (*key, list.as_slice())).collect::<Vec<_>>(),
                ),
                1 => read(*key, mine.get(key).map(Vec::as_slice).unwrap_or_default()),
                _ => {
                    mine.entry(*key).or_default().push(element);
                    append(*key, element)
                }
            });
        }
        let (outcome, instant) = (turn.outcome, 1_000 + id * 10);
        let (began, ended) = (instant - turn.early, instant + turn.late);
        transactions.push(Transaction { id, outcome, began, ended, operations });
        if outcome == Outcome::Committed || (outcome == Outcome::Unknown && id % 2 == 0) {
            state = mine;
        }
    }
    History { transactions, last: state }
}

/// Takes away the first element of what somebody saw; none where nobody saw several.
fn forget(history: &mut History, which: usize) -> Option<()> {
    let seen = history.transactions.iter_mut().filter(|one| one.outcome == Outcome::Committed);
    let seen = seen.flat_map(|one| &mut one.operations).filter_map(|operation| match operation {
        Operation::Read { list, .. } if list.len() > 1 => Some(list),
        _ => None,
    });
    let mut seen: Vec<_> = seen.collect();
    let count = seen.len();
    seen.get_mut(which.checked_rem(count)?)?.remove(0);
    Some(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn transactions_run_one_after_another_are_never_blamed(turns in turns(), rotate in any::<prop::sample::Index>()) {
        let mut history = serial(&turns);
        if !history.transactions.is_empty() {
            let middle = rotate.index(history.transactions.len());
            history.transactions.rotate_left(middle);
        }
        if let Err(anomalies) = check(&history) {
            prop_assert!(false, "{}", anomalies[0]);
        }
    }

    #[test]
    fn a_list_that_lacks_its_beginning_is_always_noticed(turns in turns(), which in any::<prop::sample::Index>()) {
        let mut history = serial(&turns);
        if forget(&mut history, which.index(1_000)).is_some() {
            prop_assert!(check(&history).is_err());
        }
    }
}
