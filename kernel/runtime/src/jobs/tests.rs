use super::*;
use forecourt_base::{GroupId, StoreId};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn key(store: &str, plugin: &str, id: &str) -> JobKey {
    let scope = Scope::store(GroupId::new("g").unwrap(), StoreId::new(store).unwrap());
    JobKey {
        scope,
        plugin: PluginName::new(plugin).unwrap(),
        id: id.to_owned(),
        request_id: "r".to_owned(),
        trace: None,
    }
}

fn ids(jobs: &Jobs, steps: usize) -> Vec<String> {
    let step = |_| {
        let key = jobs.take(at(0)).unwrap();
        jobs.give_back(key.clone(), Some(at(0)), at(0));
        key.id
    };
    (0..steps).map(step).collect()
}

#[test]
fn plugins_and_stores_take_turns_and_so_do_the_jobs_of_one() {
    let jobs = Jobs::default();
    for id in ["a1", "a2", "a3"] {
        jobs.add(key("s1", "a", id), at(0));
    }
    jobs.add(key("s2", "a", "b1"), at(0));
    jobs.add(key("s1", "b", "c1"), at(0));
    let mut taken = ids(&jobs, 9);
    taken[0..3].sort();
    assert_eq!(taken[0..3], ["a1", "b1", "c1"]);
    for id in ["a1", "a2", "a3"] {
        assert_eq!(taken.iter().filter(|taken| *taken == id).count(), 1, "{taken:?}");
    }
    for id in ["b1", "c1"] {
        assert_eq!(taken.iter().filter(|taken| *taken == id).count(), 3, "{taken:?}");
    }
}

#[test]
fn a_plugin_in_one_store_takes_one_step_at_a_time() {
    let jobs = Jobs::default();
    jobs.add(key("s1", "a", "1"), at(0));
    jobs.add(key("s1", "a", "2"), at(0));
    let first = jobs.take(at(0)).unwrap();
    assert_eq!(jobs.take(at(0)), None);
    jobs.give_back(first, None, at(0));
    assert!(jobs.take(at(0)).is_some());
    assert_eq!(jobs.running(), 1);
}

#[test]
fn a_job_waits_until_it_is_due_or_the_clock_is_set_back() {
    let jobs = Jobs::default();
    jobs.add(key("s1", "a", "1"), at(5_000));
    assert_eq!((jobs.take(at(4_999)), jobs.first()), (None, Some(at(5_000))));
    let taken = jobs.take(at(5_000)).unwrap();
    let year_ahead = at(366 * 86_400_000);
    jobs.give_back(taken, Some(year_ahead), at(5_000));
    assert!(jobs.take(at(5_001)).is_some(), "nobody waits for a year");
}

#[test]
fn a_job_that_is_resumed_while_its_last_step_ends_goes_on() {
    let jobs = Jobs::default();
    jobs.add(key("s1", "a", "1"), at(0));
    jobs.add(key("s1", "a", "1"), at(0));
    let taken = jobs.take(at(0)).unwrap();
    assert_eq!(jobs.take(at(0)), None, "a job is there once");
    jobs.add(key("s1", "a", "1"), at(0));
    jobs.give_back(taken, None, at(0));
    let again = jobs.take(at(0)).unwrap();
    jobs.give_back(again, None, at(0));
    assert_eq!((jobs.take(at(0)), jobs.running()), (None, 0));
}
