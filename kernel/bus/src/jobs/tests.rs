use std::sync::Arc;

use super::*;
use forecourt_base::limits::JOBS_KEPT_D;
use forecourt_base::{GroupId, StoreId};
use forecourt_storage::{Engine, MemoryEngine, Mode};
use proptest::prelude::*;

struct World {
    engine: Arc<dyn Engine>,
    scope: Scope,
}

impl World {
    fn new() -> Self {
        let scope = Scope::store(GroupId::new("demo").unwrap(), StoreId::new("bj01").unwrap());
        Self { engine: MemoryEngine::new(), scope }
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.engine, Some(self.scope.group.clone()), Mode::ReadWrite).unwrap()
    }

    async fn put(&self, job: &Job) {
        let mut transaction = self.begin();
        put(&mut transaction, &self.scope, job).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn get(&self, id: &str) -> Job {
        get(&mut self.begin(), &self.scope, id).await.unwrap().unwrap()
    }

    async fn open(&self) -> Vec<String> {
        open(&mut self.begin(), &self.scope).await.unwrap().into_iter().map(|open| open.id).collect()
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn job(id: &str) -> Job {
    let new = NewJob {
        plugin: PluginName::new("parts").unwrap(),
        name: "stock-take".to_owned(),
        arguments: RawValue::from_string("{}".to_owned()).unwrap(),
        by: "advisor".to_owned(),
        request_id: "r".to_owned(),
        trace: None,
    };
    new.begin(id.to_owned(), at(0))
}

fn progress(done: u64) -> Progress {
    Progress { done, total: Some(9), text: "parts".to_owned() }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_only_running_ones_are_open() {
    let world = World::new();
    for id in ["a", "b", "c"] {
        world.put(&job(id)).await;
    }
    let mut done = job("b");
    done.take(Step::Done(progress(9)), at(5));
    world.put(&done).await;
    assert_eq!(world.open().await, ["a", "c"]);
    let first = page(&mut world.begin(), &world.scope, None, 2).await.unwrap();
    let ids: Vec<_> = first.items.iter().map(|job| &*job.id).collect();
    assert_eq!((ids, first.next.as_deref()), (vec!["c", "b"], Some("b")));
    let rest = page(&mut world.begin(), &world.scope, first.next.as_deref(), 2).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert!(get(&mut world.begin(), &world.scope, &"x".repeat(600)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_step_that_fails_is_tried_again_ever_later_until_the_job_has_failed() {
    let mut job = job("a");
    let mut pauses = Vec::new();
    while job.state == JobState::Running {
        job.fail("trap".to_owned(), false, at(1_000));
        pauses.push(job.due.as_millis() - 1_000);
    }
    assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000]);
    assert_eq!((job.state, job.failures, job.reason.as_deref()), (JobState::Failed, 8, Some("trap")));
    let mut hopeless = self::job("b");
    hopeless.fail("unusable".to_owned(), true, at(0));
    assert_eq!(hopeless.state, JobState::Failed);
    hopeless = Job { failures: 30, state: JobState::Running, ..hopeless };
    hopeless.fail("again".to_owned(), false, at(0));
    assert_eq!(hopeless.due, at(300_000));
}

#[tokio::test]
async fn what_has_ended_is_not_cancelled_and_what_is_done_not_resumed() {
    let world = World::new();
    world.put(&job("a")).await;
    let change = async |resumes: bool| {
        let mut transaction = world.begin();
        let changed = match resumes {
            true => resume(&mut transaction, &world.scope, "a", at(7)).await,
            false => cancel(&mut transaction, &world.scope, "a", at(7)).await,
        };
        transaction.commit().await.unwrap();
        changed.map(|job| job.state)
    };
    assert!(matches!(change(true).await, Err(JobError::State(JobState::Running))));
    assert_eq!(change(false).await.unwrap(), JobState::Cancelled);
    assert!(matches!(change(false).await, Err(JobError::State(JobState::Cancelled))));
    assert!(world.open().await.is_empty());
    assert_eq!(change(true).await.unwrap(), JobState::Running);
    assert_eq!(world.open().await, ["a"]);
    let unknown = cancel(&mut world.begin(), &world.scope, "b", at(7)).await;
    assert!(matches!(unknown, Err(JobError::Unknown(id)) if id == "b"));
}

#[tokio::test]
async fn a_job_that_is_cancelled_in_a_step_ends_before_it() {
    let world = World::new();
    world.put(&job("a")).await;
    let mut step = world.begin();
    let mut stepping = get(&mut step, &world.scope, "a").await.unwrap().unwrap();
    let mut cancelling = world.begin();
    cancel(&mut cancelling, &world.scope, "a", at(1)).await.unwrap();
    cancelling.commit().await.unwrap();
    stepping.take(Step::More("1".to_owned(), progress(1)), at(2));
    put(&mut step, &world.scope, &stepping).await.unwrap();
    assert!(matches!(step.commit().await, Err(StorageError::Conflict)));
    let job = world.get("a").await;
    assert_eq!((job.state, job.steps), (JobState::Cancelled, 0));
}

#[tokio::test]
async fn jobs_that_ended_long_ago_are_swept() {
    let world = World::new();
    for id in ["a", "b"] {
        world.put(&job(id)).await;
    }
    let mut ended = job("c");
    ended.take(Step::Done(progress(9)), at(5));
    world.put(&ended).await;
    let kept_ms = i64::try_from(JOBS_KEPT_D).unwrap() * 86_400_000;
    for (now, removed) in [(5 + kept_ms, 0), (6 + kept_ms, 1)] {
        let mut transaction = world.begin();
        let swept = sweep(&mut transaction, &world.scope, at(now - kept_ms), None).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(swept, (removed, None));
    }
    assert_eq!(page(&mut world.begin(), &world.scope, None, 9).await.unwrap().items.len(), 2);
}

/// What happens to a job.
#[derive(Debug, Clone)]
enum Happening {
    /// A step commits.
    Step,
    /// A step begins, and the kernel is killed before it commits.
    Killed,
    /// A step traps.
    Fail,
    Cancel,
    Resume,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// INVARIANT (each-step-once): the effects that are there are those of steps 0, 1, 2 … without a gap or a repetition, whatever happens.
    #[test]
    fn every_step_takes_effect_once(happenings in prop::collection::vec(prop_oneof![
        6 => Just(Happening::Step),
        2 => Just(Happening::Killed),
        2 => Just(Happening::Fail),
        1 => Just(Happening::Cancel),
        2 => Just(Happening::Resume),
    ], 1..80)) {
        const STEPS: u64 = 12;
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let world = World::new();
            let effects = Space::new(Some(&world.scope.group), world.scope.store.as_ref(), "parts", "effects", 0).unwrap();
            world.put(&job("a")).await;
            for happening in happenings {
                let mut transaction = world.begin();
                let mut job = get(&mut transaction, &world.scope, "a").await.unwrap().unwrap();
                match happening {
                    Happening::Cancel => drop(cancel(&mut transaction, &world.scope, "a", at(1)).await),
                    Happening::Resume => drop(resume(&mut transaction, &world.scope, "a", at(1)).await),
                    _ if job.state != JobState::Running => continue,
                    Happening::Fail => {
                        job.fail("trap".to_owned(), false, at(1));
                        put(&mut transaction, &world.scope, &job).await.unwrap();
                    }
                    Happening::Step | Happening::Killed => {
                        let here: u64 = job.cursor.as_deref().unwrap_or("0").parse().unwrap();
                        let seen = transaction.get(&effects, format!("{here:02}").as_bytes()).await.unwrap();
                        assert_eq!(seen, None, "step {here} took effect before");
                        transaction.put(&effects, format!("{here:02}").as_bytes(), "x", Vec::new()).await.unwrap();
                        let next = here + 1;
                        job.take(if next == STEPS {
                            Step::Done(progress(next))
                        } else {
                            Step::More(next.to_string(), progress(next))
                        }, at(1));
                        put(&mut transaction, &world.scope, &job).await.unwrap();
                        if matches!(happening, Happening::Killed) {
                            drop(transaction);
                            continue;
                        }
                    }
                }
                transaction.commit().await.unwrap();
                let job = world.get("a").await;
                let there = world.begin().scan(&effects, &KeyRange::all(), Direction::Forward, 100).await.unwrap().items;
                assert_eq!(there.len() as u64, job.steps);
                assert_eq!(job.state == JobState::Done, job.steps == STEPS);
                assert_eq!(world.open().await.is_empty(), job.state != JobState::Running);
            }
        });
    }
}
