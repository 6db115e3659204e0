//! Jobs.

use forecourt_sdk::jobs;
use forecourt_sdk::serde::{Deserialize, Serialize};

use crate::Clockwork;
use crate::collections::{MARKS, STONES, TALLIES};
use crate::wit::clockwork::marches::{Error, Guest, MarkPage};
use crate::wit::clockwork::records::{Mark, Stone, Tally};
use crate::wit::kernel::job;

/// What the job is started with.
#[derive(Serialize, Deserialize)]
#[serde(crate = "forecourt_sdk::serde")]
struct Plan {
    steps: u64,
}

impl Guest for Clockwork {
    fn begin(steps: u64, fail: bool) -> Result<String, Error> {
        let id = jobs::start("march", &Plan { steps })?;
        if fail { Err(Error::AskedTo(id)) } else { Ok(id) }
    }

    fn put_stone(step: u64) -> Result<(), Error> {
        let id = step.to_string();
        Ok(STONES.put(&id.clone(), &Stone { id })?)
    }

    fn lift_stone(step: u64) -> Result<(), Error> {
        Ok(STONES.delete(&step.to_string())?)
    }

    fn list_marks(job: String, page: Option<String>) -> Result<MarkPage, Error> {
        let page = MARKS.scan(&job, 200, page.as_deref())?;
        Ok(MarkPage { items: page.items, next: page.next })
    }

    fn get_tally(job: String) -> Result<Tally, Error> {
        TALLIES.get(&job)?.ok_or(Error::NotFound)
    }
}

impl job::Guest for Clockwork {
    fn step(task: job::Task) -> Result<job::Next, job::Error> {
        let plan: Plan = jobs::arguments(&task.arguments)?;
        let number: u64 = task.cursor.as_deref().unwrap_or("0").parse().map_err(|_| job::Error::Unusable("cursor".into()))?;
        assert_eq!(number, task.steps, "the cursor moved with each step");
        let id = format!("{}-{number:06}", task.id);
        assert!(MARKS.get(&id)?.is_none(), "the step was taken before");
        MARKS.put(&id.clone(), &Mark { id, number })?;
        if number == 0 {
            TALLIES.put(&task.id, &Tally { id: task.id.clone(), steps: 1 })?;
        } else {
            TALLIES.add(&task.id, "steps", 1)?;
        }
        if STONES.get(&number.to_string())?.is_some() {
            return Err(job::Error::Unusable("a stone lies there".to_owned()));
        }
        let progress = job::Progress { done: number + 1, total: Some(plan.steps), text: "steps".to_owned() };
        Ok(if number + 1 == plan.steps {
            job::Next::Done(progress)
        } else {
            job::Next::More(job::Continuation { cursor: (number + 1).to_string(), progress })
        })
    }
}
