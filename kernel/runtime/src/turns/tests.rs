use std::cell::RefCell;
use std::task::Waker;

use forecourt_base::Random as _;
use forecourt_base::{GroupId, SeededRandom, StoreId};
use futures::task::noop_waker;

use super::*;

fn scope(store: &str) -> Scope {
    Scope::store(GroupId::new("g").unwrap(), StoreId::new(store).unwrap())
}

fn plugin(name: &str) -> PluginName {
    PluginName::new(name).unwrap()
}

/// A tree that runs for some ticks and says on whose behalf at each.
async fn burn(name: &'static str, ticks: usize, pace: Arc<Pace>, ran: &RefCell<Vec<&'static str>>) {
    for _ in 0..ticks {
        ran.borrow_mut().push(name);
        if pace.is_long() {
            pace.interrupt();
        }
        let mut yielded = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }
}

fn long() -> Arc<Pace> {
    let pace = Arc::new(Pace::default());
    pace.interrupt();
    pace
}

type Tree<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

fn tree<'a>(
    turns: &'a Turns,
    owner: (&'a Scope, &'a PluginName),
    pace: Arc<Pace>,
    (name, ticks): (&'static str, usize),
    ran: &'a RefCell<Vec<&'static str>>,
) -> Tree<'a> {
    Box::pin(async move {
        let future = std::pin::pin!(burn(name, ticks, Arc::clone(&pace), ran));
        turns.paced(pace, owner, future).await;
    })
}

/// Polls each tree that has not ended, in their order: whether one still has not.
fn poll_all(trees: &mut [Option<Tree<'_>>]) -> bool {
    let waker: Waker = noop_waker();
    let mut context = Context::from_waker(&waker);
    for slot in trees.iter_mut() {
        if slot.as_mut().is_some_and(|tree| tree.as_mut().poll(&mut context).is_ready()) {
            *slot = None;
        }
    }
    trees.iter().any(Option::is_some)
}

#[test]
fn owners_take_turns_however_many_trees_they_have() {
    let turns = Turns::new(2);
    let (here, hostile, other) = (scope("s1"), plugin("hostile"), plugin("other"));
    let ran = RefCell::new(Vec::new());
    let mut trees: Vec<Option<Tree<'_>>> = (0..10)
        .map(|_| Some(tree(&turns, (&here, &hostile), long(), ("hostile", 20), &ran)))
        .chain([Some(tree(&turns, (&here, &other), long(), ("other", 5), &ran))])
        .collect();
    while poll_all(&mut trees) {}
    let ran = ran.borrow();
    assert_eq!(ran.len(), 205);
    let last = ran.iter().rposition(|name| *name == "other").unwrap();
    let between = ran[..last].iter().filter(|name| **name == "hostile").count();
    // Ten were there before it came, and from then on it has every second turn.
    assert!(between <= 10 + 5, "{between} turns of the other owner: {:?}", &ran[..last]);
}

#[test]
fn a_plugin_s_short_tree_waits_for_its_own_long_ones() {
    let turns = Turns::new(2);
    let (here, there, hostile) = (scope("s1"), scope("s2"), plugin("hostile"));
    let ran = RefCell::new(Vec::new());
    let mut trees = [
        Some(tree(&turns, (&here, &hostile), long(), ("long", 3), &ran)),
        Some(tree(&turns, (&here, &hostile), Arc::default(), ("new", 1), &ran)),
        Some(tree(&turns, (&there, &hostile), Arc::default(), ("elsewhere", 1), &ran)),
    ];
    poll_all(&mut trees);
    assert_eq!(*ran.borrow(), ["long", "elsewhere"]);
    while poll_all(&mut trees) {}
    assert_eq!(ran.borrow().len(), 5);
    assert_eq!(turns.owners.load(Ordering::Relaxed), 0);
}

#[test]
fn a_short_tree_waits_for_no_other_plugin() {
    let turns = Turns::new(1);
    let (here, hostile, other) = (scope("s1"), plugin("hostile"), plugin("other"));
    let ran = RefCell::new(Vec::new());
    let asked = turns.ask(&Arc::new(Owner { scope: here.clone(), plugin: hostile.clone() }));
    assert!(matches!(asked, Asked::Granted));
    let mut trees = [
        Some(tree(&turns, (&here, &hostile), long(), ("long", 1), &ran)),
        Some(tree(&turns, (&here, &other), Arc::default(), ("short", 3), &ran)),
    ];
    for _ in 0..10 {
        poll_all(&mut trees);
    }
    assert_eq!(*ran.borrow(), ["short"; 3]);
    turns.release(&Arc::new(Owner { scope: here.clone(), plugin: hostile.clone() }));
    while poll_all(&mut trees) {}
    assert_eq!(ran.borrow().last(), Some(&"long"));
}

/// Trees of few owners begin, run, and are dropped at random. At no time do more run than there are turns, nor two of one owner, and in the end
/// nothing is held and nobody waits.
#[test]
fn no_turn_is_lost_or_doubled_whoever_goes_away() {
    let seed = forecourt_base::OsRandom.next_u64();
    let random = SeededRandom::new(seed);
    let below = |bound: u64| random.next_u64() % bound;
    let turns = Turns::new(3);
    let owners: Vec<Arc<Owner>> =
        (0..4).map(|at| Arc::new(Owner { scope: scope("s1"), plugin: plugin(&format!("p{at}")) })).collect();
    let mut waiting: Vec<(usize, oneshot::Receiver<()>)> = Vec::new();
    let mut running: Vec<usize> = Vec::new();
    for step in 0..20_000 {
        match below(3) {
            0 if waiting.len() < 30 => {
                let owner = usize::try_from(below(4)).unwrap();
                match turns.ask(&owners[owner]) {
                    Asked::Granted => running.push(owner),
                    Asked::Wait(granted) => waiting.push((owner, granted)),
                }
            }
            1 if !running.is_empty() => {
                let owner = running.swap_remove(usize::try_from(below(running.len() as u64)).unwrap());
                turns.release(&owners[owner]);
            }
            2 if !waiting.is_empty() => {
                let (owner, mut granted) = waiting.swap_remove(usize::try_from(below(waiting.len() as u64)).unwrap());
                granted.close();
                if granted.try_recv().is_ok() {
                    turns.release(&owners[owner]);
                }
            }
            _ => {}
        }
        waiting.retain_mut(|(owner, granted)| {
            let got = granted.try_recv().is_ok();
            if got {
                running.push(*owner);
            }
            !got
        });
        let distinct: HashSet<usize> = running.iter().copied().collect();
        assert!(running.len() <= 2 && distinct.len() == running.len(), "seed {seed}, step {step}: {running:?}");
        assert!(
            running.len() == 2 || waiting.iter().all(|(owner, _)| running.contains(owner)),
            "seed {seed}, step {step}: a turn is free and {waiting:?} wait"
        );
    }
    drop(waiting);
    for owner in running {
        turns.release(&owners[owner]);
    }
    let queue = turns.queue.lock().unwrap();
    assert!(queue.running.is_empty() && queue.waiting.is_empty() && queue.ready.is_empty(), "seed {seed}: {queue:?}");
}
