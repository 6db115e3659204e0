use forecourt_base::{OsRandom, Random as _, SeededRandom};

use super::*;

const AT: Timestamp = Timestamp::from_millis(1_000_000);

fn at(ms: u64) -> Timestamp {
    after(AT, ms)
}

/// A breaker that has just opened, by failures at `AT`.
fn open() -> Breaker {
    let mut breaker = Breaker::after_failure(AT);
    for _ in 1..limits::BREAKER_FAILURES {
        assert_eq!(breaker.enter(AT), Entry::Free);
        breaker = breaker.ended(Entry::Free, Verdict::Failure, AT).unwrap();
    }
    breaker
}

#[test]
fn it_opens_after_so_many_failures_and_lets_one_call_try() {
    let mut breaker = open();
    assert_eq!(breaker.enter(AT), Entry::Refused(limits::BREAKER_OPEN_MS));
    assert_eq!(breaker.enter(at(limits::BREAKER_OPEN_MS - 1)), Entry::Refused(1));
    assert_eq!(breaker.enter(at(limits::BREAKER_OPEN_MS)), Entry::Trial);
    assert!(matches!(breaker.enter(at(limits::BREAKER_OPEN_MS)), Entry::Refused(_)));
    // A call from before it opened tells nothing new.
    let late = breaker.ended(Entry::Free, Verdict::Success, at(limits::BREAKER_OPEN_MS));
    assert_eq!(late, Some(breaker));
    assert_eq!(breaker.ended(Entry::Trial, Verdict::Success, at(limits::BREAKER_OPEN_MS)), None);
}

#[test]
fn each_failed_trial_doubles_the_wait_up_to_a_bound() {
    let (mut breaker, mut now, mut wait) = (open(), AT, limits::BREAKER_OPEN_MS);
    for _ in 0..20 {
        assert_eq!(breaker.enter(now), Entry::Refused(wait));
        now = after(now, wait);
        assert_eq!(breaker.enter(now), Entry::Trial);
        breaker = breaker.ended(Entry::Trial, Verdict::Failure, now).unwrap();
        wait = (2 * wait).min(limits::BREAKER_OPEN_MAX_MS);
    }
    assert_eq!(wait, limits::BREAKER_OPEN_MAX_MS);
}

#[test]
fn a_trial_that_tells_nothing_leaves_the_trial_to_the_next() {
    let mut breaker = open();
    let now = at(limits::BREAKER_OPEN_MS);
    assert_eq!(breaker.enter(now), Entry::Trial);
    breaker = breaker.ended(Entry::Trial, Verdict::None, now).unwrap();
    assert_eq!(breaker.enter(now), Entry::Trial);
}

#[test]
fn failures_far_apart_do_not_add_up() {
    let mut breaker = Breaker::after_failure(AT);
    for failure in 1..100 {
        let now = at(failure * limits::BREAKER_WINDOW_MS);
        breaker = breaker.ended(Entry::Free, Verdict::Failure, now).unwrap();
        assert_eq!(breaker.enter(now), Entry::Free, "{failure}");
    }
    assert!(breaker.is_stale(at(102 * limits::BREAKER_WINDOW_MS)));
}

#[test]
fn a_clock_that_was_set_back_suspends_nobody_for_longer() {
    let mut breaker = open();
    assert_eq!(breaker.enter(Timestamp::from_millis(0)), Entry::Trial);
}

/// The same rules told in another way: the failures since the last success as a list of times, and the wait as a count of failed trials.
#[derive(Default)]
struct Model {
    failures: Vec<u64>,
    suspended: Option<(u64, u32)>,
    trying: bool,
}

impl Model {
    fn may_run(&mut self, now: u64) -> bool {
        match self.suspended {
            None => true,
            Some((until, _)) if self.trying || now < until => false,
            Some(_) => {
                self.trying = true;
                true
            }
        }
    }

    fn ended(&mut self, trial: bool, verdict: Verdict, now: u64) {
        match (self.suspended, verdict) {
            (None, Verdict::Success) => self.failures.clear(),
            (None, Verdict::Failure) => {
                if self.failures.first().is_some_and(|first| now - first > limits::BREAKER_WINDOW_MS) {
                    self.failures.clear();
                }
                self.failures.push(now);
                if self.failures.len() == limits::BREAKER_FAILURES {
                    self.suspended = Some((now + limits::BREAKER_OPEN_MS, 0));
                }
            }
            (Some((_, trials)), _) if trial => {
                self.trying = false;
                let wait = (limits::BREAKER_OPEN_MS << (trials + 1).min(20)).min(limits::BREAKER_OPEN_MAX_MS);
                match verdict {
                    Verdict::Success => *self = Self::default(),
                    Verdict::Failure => self.suspended = Some((now + wait, trials + 1)),
                    Verdict::None => self.suspended = Some((now, trials)),
                }
            }
            _ => {}
        }
    }
}

#[test]
fn it_does_as_a_simple_model_does() {
    let seed = OsRandom.next_u64();
    let random = SeededRandom::new(seed);
    let below = |bound: u64| random.next_u64() % bound;
    let (mut breaker, mut model, mut now): (Option<Breaker>, Model, u64) = (None, Model::default(), 0);
    let mut running: Vec<Entry> = Vec::new();
    let mut suspensions = 0;
    for step in 0..100_000 {
        now += below(5) * below(300);
        if below(200) == 0 {
            now += below(2 * limits::BREAKER_WINDOW_MS);
        }
        if below(2) == 0 {
            let entry = breaker.as_mut().map_or(Entry::Free, |breaker| breaker.enter(at(now)));
            assert_eq!(
                !matches!(entry, Entry::Refused(_)),
                model.may_run(now),
                "seed {seed}, step {step}: {breaker:?}"
            );
            match entry {
                Entry::Refused(ms) => assert!(ms > 0, "seed {seed}, step {step}"),
                entry => running.push(entry),
            }
        } else if !running.is_empty() {
            let entry = running.swap_remove(usize::try_from(below(running.len() as u64)).unwrap());
            let verdict = [Verdict::Failure, Verdict::Failure, Verdict::Failure, Verdict::None, Verdict::Success]
                [usize::try_from(below(if below(8) == 0 { 5 } else { 4 })).unwrap()];
            breaker = match breaker {
                Some(breaker) => breaker.ended(entry, verdict, at(now)),
                None if verdict == Verdict::Failure => Some(Breaker::after_failure(at(now))),
                None => None,
            };
            model.ended(entry == Entry::Trial, verdict, now);
            suspensions += usize::from(breaker.is_some_and(Breaker::is_suspended));
        }
    }
    assert!(suspensions > 100, "seed {seed}: the choices hardly ever suspend");
}
