//! `jobs`.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::{json_argument, place};
use crate::arguments::jobs::{JobArguments, JobShowArguments, JobStartArguments, JobsCommand, JobsListArguments};
use crate::client::{Body, Client, text};
use crate::failure::{Exit, Failure};
use crate::output::{Format, table};

/// The pause between two looks at a job that is followed.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(command: &JobsCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        JobsCommand::List(arguments) => list(arguments, out),
        JobsCommand::Start(arguments) => start(arguments, out),
        JobsCommand::Show(arguments) => show(arguments, out),
        JobsCommand::Cancel(arguments) => change(arguments, "cancel", out),
        JobsCommand::Resume(arguments) => change(arguments, "resume", out),
    }
}

fn list(arguments: &JobsListArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let jobs = client.all(&format!("/v1/{}/jobs", place(&arguments.place)?))?;
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(jobs))?,
        Format::Table => table(out, &["ID", "JOB", "STATE", "STARTED", "BY", "PROGRESS"], &rows(&jobs))?,
    }
    Ok(())
}

fn rows(jobs: &[Value]) -> Vec<Vec<String>> {
    let row = |job: &Value| {
        let name = format!("{}/{}", text(job, "plugin"), text(job, "name"));
        let cells = [text(job, "id"), &name, text(job, "state"), text(job, "started_at"), text(job, "started_by")];
        cells.into_iter().map(str::to_owned).chain([progress(job)]).collect()
    };
    jobs.iter().map(row).collect()
}

/// How much of a job is done, in one line.
fn progress(job: &Value) -> String {
    let progress = job.get("progress").cloned().unwrap_or_default();
    let number = |field| progress.get(field).and_then(Value::as_u64);
    let done = number("done").unwrap_or_default();
    let mut line = match number("total") {
        Some(total) => format!("{done} of {total}"),
        None => done.to_string(),
    };
    for more in [text(&progress, "text"), text(job, "reason")] {
        if !more.is_empty() {
            line.push_str(&format!(", {more}"));
        }
    }
    line
}

fn start(arguments: &JobStartArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let (plugin, name) = &arguments.job;
    let body = json!({"plugin": plugin, "name": name, "arguments": json_argument(&arguments.arguments)?});
    let client = Client::signed_in(&arguments.connection)?;
    let job = client.post(&format!("/v1/{place}/jobs"), body)?.value;
    let id = text(&job, "id");
    writeln!(out, "{id}")?;
    out.flush()?;
    if arguments.follow { follow(&client, &format!("/v1/{place}/jobs/{id}")) } else { Ok(()) }
}

fn show(arguments: &JobShowArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let JobArguments { place: at, id, connection } = &arguments.job;
    let (path, client) = (format!("/v1/{}/jobs/{id}", place(at)?), Client::signed_in(connection)?);
    if arguments.follow {
        follow(&client, &path)?;
    }
    writeln!(out, "{:#}", client.get(&path)?.value)?;
    Ok(())
}

/// Tells on standard error how a job goes on, until it has ended.
fn follow(client: &Client, path: &str) -> Result<(), Failure> {
    let mut said = String::new();
    loop {
        let job = client.get(path)?.value;
        let (state, line) = (text(&job, "state"), progress(&job));
        if line != said {
            writeln!(std::io::stderr(), "  {state}: {line}")?;
            said = line;
        }
        match state {
            "running" => std::thread::sleep(LOOK),
            "done" => return Ok(()),
            state => return Err(Failure::new(Exit::Failed, format!("the job is {state}: {said}"))),
        }
    }
}

fn change(arguments: &JobArguments, how: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let JobArguments { place: at, id, connection } = arguments;
    let client = Client::signed_in(connection)?;
    let job = client.send("POST", &format!("/v1/{}/jobs/{id}/{how}", place(at)?), Body::Empty, &[])?.value;
    writeln!(out, "{id} is {}", text(&job, "state"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_a_row_with_its_progress() {
        let jobs = [
            json!({"id": "1", "plugin": "parts", "name": "stock-take", "state": "running", "started_at": "2026-05-01T08:00:00.000Z",
                   "started_by": "advisor", "progress": {"done": 3, "total": 9, "text": "shelves"}, "reason": null}),
            json!({"id": "2", "plugin": "parts", "name": "import", "state": "failed", "started_at": "2026-05-01T08:00:00.000Z",
                   "started_by": "plugin:parts", "progress": {"done": 3, "total": null, "text": ""}, "reason": "trap"}),
        ];
        let rows = rows(&jobs);
        assert_eq!(
            rows[0][1..],
            ["parts/stock-take", "running", "2026-05-01T08:00:00.000Z", "advisor", "3 of 9, shelves"]
        );
        assert_eq!(rows[1][5], "3, trap");
    }
}
