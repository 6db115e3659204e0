//! Jobs: each step takes effect once, whatever stops in between; people start, watch, cancel and resume them.

use std::time::{Duration, Instant};

use forecourt_tests::ground::{GROUP, Place, grant, publish};
use forecourt_tests::random::Seeded;
use forecourt_tests::server::{PASSWORD, forecourt, run};
use forecourt_tests::{Client, Folder, Ground, Server, ground, pause};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(300);

/// A store in which the guest serves, and an advisor there, who may start its job.
fn open(place: &Place<'_>) -> Client {
    publish(&place.admin, "clockwork");
    grant(&place.admin, "clockwork", "0.1.0");
    place.enable("clockwork", "clockwork", "0.1.0").ok();
    place.user("advisor")
}

fn start(client: &Client, store: &str, steps: u64) -> String {
    let body = json!({ "plugin": "clockwork", "name": "march", "arguments": { "steps": steps } });
    let started = client.post(&format!("/v1/stores/{store}/jobs"), &body);
    assert_eq!(started.status, 201, "{started}");
    started.body["id"].as_str().unwrap().to_owned()
}

fn job(client: &Client, store: &str, id: &str) -> Value {
    client.get(&format!("/v1/stores/{store}/jobs/{id}")).ok()
}

/// Looks at a job until it is as asked, or patience is at an end.
#[track_caller]
fn until(client: &Client, store: &str, id: &str, like: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let job = job(client, store, id);
        if like(&job) {
            return job;
        }
        assert!(Instant::now() < end, "{job}");
        pause();
    }
}

fn state<'a>(state: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |job| job["state"] == state
}

/// Every step took effect once and in order: the marks are those of the steps, and another count tells the same.
fn check_steps(client: &Client, store: &str, id: &str, steps: u64) {
    let marks = client.list(store, "clockwork/marches/list-marks", &json!({ "job": id }));
    let numbers: Vec<u64> = marks.iter().map(|mark| mark["number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..steps), "{} steps instead of {steps}", numbers.len());
    let tally = client.call(store, "clockwork/marches/get-tally", &json!({ "job": id })).ok();
    assert_eq!(tally["steps"], steps);
}

#[test]
fn a_job_takes_its_steps_and_says_how_far_it_is() {
    let place = ground().place();
    let advisor = open(&place);
    let id = start(&advisor, &place.store, 25);
    let done = until(&advisor, &place.store, &id, state("done"));
    assert_eq!(done["progress"], json!({ "done": 25, "total": 25, "text": "steps" }));
    assert_eq!((&done["steps"], &done["started_by"]), (&json!(25), &json!(place.user_name("advisor"))));
    check_steps(&advisor, &place.store, &id, 25);
    let begun = advisor.call(&place.store, "clockwork/marches/begin", &json!({ "steps": 3, "fail": false })).ok();
    let begun = begun.as_str().unwrap();
    until(&advisor, &place.store, begun, state("done"));
    let failed = advisor.call(&place.store, "clockwork/marches/begin", &json!({ "steps": 3, "fail": true }));
    let never = failed.problem(422, "operation-refused")["error"]["asked_to"].as_str().unwrap().to_owned();
    advisor.get(&format!("/v1/stores/{}/jobs/{never}", place.store)).problem(404, "unknown-resource");
    let listed = advisor.all(&format!("/v1/stores/{}/jobs?limit=1", place.store));
    let ids: Vec<&str> = listed.iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [begun, &id]);
    for (action, count) in [("start-job", 2), ("end-job", 2), ("job/step", 0)] {
        let path = format!("/v1/stores/{}/audit?limit=200&action={action}", place.store);
        assert_eq!(place.admin.all(&path).len(), count, "{action}");
    }
}

#[test]
fn a_job_is_cancelled_between_two_steps_and_resumed_there() {
    let place = ground().place();
    let advisor = open(&place);
    let id = start(&advisor, &place.store, 100_000);
    until(&advisor, &place.store, &id, |job| job["steps"].as_u64() > Some(5));
    let change =
        |how: &str| advisor.send("POST", &format!("/v1/stores/{}/jobs/{id}/{how}", place.store), None, b"").unwrap();
    change("resume").problem(409, "job-state");
    assert_eq!(change("cancel").ok()["state"], "cancelled");
    let cancelled = job(&advisor, &place.store, &id);
    let steps = cancelled["steps"].as_u64().unwrap();
    change("cancel").problem(409, "job-state");
    check_steps(&advisor, &place.store, &id, steps);
    assert_eq!(change("resume").ok()["state"], "running");
    until(&advisor, &place.store, &id, |job| job["steps"].as_u64() > Some(steps + 5));
    change("cancel").ok();
    let steps = job(&advisor, &place.store, &id)["steps"].as_u64().unwrap();
    check_steps(&advisor, &place.store, &id, steps);
}

#[test]
fn a_job_that_cannot_go_on_has_failed_and_goes_on_when_it_can() {
    let place = ground().place();
    let advisor = open(&place);
    advisor.call(&place.store, "clockwork/marches/put-stone", &json!({ "step": 7 })).ok();
    let id = start(&advisor, &place.store, 12);
    let failed = until(&advisor, &place.store, &id, state("failed"));
    assert_eq!((&failed["steps"], &failed["reason"]), (&json!(7), &json!("a stone lies there")));
    check_steps(&advisor, &place.store, &id, 7);
    advisor.call(&place.store, "clockwork/marches/lift-stone", &json!({ "step": 7 })).ok();
    advisor.send("POST", &format!("/v1/stores/{}/jobs/{id}/resume", place.store), None, b"").unwrap().ok();
    until(&advisor, &place.store, &id, state("done"));
    check_steps(&advisor, &place.store, &id, 12);
}

#[test]
fn only_who_may_start_a_job_sees_it() {
    let place = ground().place();
    let advisor = open(&place);
    let (tech, stranger) = (place.user("tech"), ground().place().user("advisor"));
    let (path, id) = (format!("/v1/stores/{}/jobs", place.store), start(&advisor, &place.store, 2));
    let body = json!({ "plugin": "clockwork", "name": "march", "arguments": { "steps": 1 } });
    tech.post(&path, &body).problem(403, "forbidden");
    tech.get(&format!("{path}/{id}")).problem(403, "forbidden");
    tech.send("POST", &format!("{path}/{id}/cancel"), None, b"").unwrap().problem(403, "forbidden");
    assert_eq!(tech.get(&path).ok()["items"], json!([]));
    for path in [path.clone(), format!("{path}/{id}")] {
        stranger.get(&path).problem(403, "forbidden");
    }
    until(&place.admin, &place.store, &id, state("done"));
    for body in [json!({ "plugin": "clockwork", "name": "dance" }), json!({ "plugin": "nobody", "name": "march" })] {
        advisor.post(&path, &body).problem(404, "unknown-resource");
    }
    advisor.post(&path, &json!({ "name": "march" })).problem(400, "invalid-fields");
    advisor.get(&format!("{path}?after=nobody")).problem(400, "invalid-fields");
    let long = json!({ "plugin": "clockwork", "name": "march", "arguments": { "text": "x".repeat(70_000) } });
    advisor.post(&path, &long).problem(413, "body-too-large");
}

#[test]
fn jobs_are_started_watched_and_listed_on_the_command_line() {
    let place = ground().place();
    let advisor = open(&place);
    let command = |arguments: &[&str]| {
        let mut command = forecourt(&[&["jobs"], arguments].concat());
        command.env("FORECOURT_URL", ground().server.url()).env("FORECOURT_TOKEN", advisor.token().unwrap());
        let output = run(&mut command, "");
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), out, err)
    };
    let store = place.store.as_str();
    let (code, out, err) = command(&["start", store, "clockwork/march", "{\"steps\": 30}", "--follow"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("done: 30 of 30, steps"), "{err}");
    let id = out.trim();
    let (code, out, _) = command(&["list", store]);
    assert!(code == 0 && out.contains(id) && out.contains("clockwork/march") && out.contains("30 of 30"), "{out}");
    let (code, out, _) = command(&["show", store, id]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["state"]), (0, &json!("done")));
    let (code, _, err) = command(&["cancel", store, id]);
    assert!(code == 3 && err.contains("the job is done"), "{code} {err}");
    let endless = start(&advisor, store, 100_000);
    let (code, out, err) = command(&["cancel", store, &endless]);
    assert_eq!((code, &*out), (0, &*format!("{endless} is cancelled\n")), "{err}");
    let (code, _, err) = command(&["show", store, &endless, "--follow"]);
    assert!(code == 1 && err.contains("the job is cancelled"), "{code} {err}");
}

#[test]
fn a_job_of_ten_thousand_steps_goes_on_after_kills_each_step_once() {
    let mut random = Seeded::new();
    let kills: u64 = std::env::var("FORECOURT_JOB_KILLS").map_or(12, |kills| kills.parse().expect("a number"));
    let steps: u64 = std::env::var("FORECOURT_JOB_STEPS").map_or(10_000, |steps| steps.parse().expect("a number"));
    let ground = Ground::begin();
    let place = ground.place();
    let mut advisor = open(&place);
    let (store, name) = (place.store.clone(), place.user_name("advisor"));
    drop(place);
    let Ground { folder, mut server, .. } = ground;
    let id = start(&advisor, &store, steps);
    for kill in 0..kills {
        // Kills come at any of the steps of this part, and at any moment of a step.
        let reached = steps * kill / kills + random.below(steps / kills);
        until(&advisor, &store, &id, |job| job["steps"].as_u64() >= Some(reached));
        let moment = Instant::now() + Duration::from_micros(random.below(3_000));
        while Instant::now() < moment {}
        (server, advisor) = again(&folder, server, &name);
        let after = job(&advisor, &store, &id);
        assert!(after["steps"].as_u64() >= Some(reached), "{after}");
        assert_eq!((&after["failures"], &after["reason"]), (&json!(0), &Value::Null));
    }
    let done = until(&advisor, &store, &id, state("done"));
    assert_eq!(done["steps"], steps);
    check_steps(&advisor, &store, &id, steps);
    assert!(server.stop().success());
}

/// Kills the kernel and starts it again.
fn again(folder: &Folder, server: Server, user: &str) -> (Server, Client) {
    server.kill();
    let server = Server::start(folder, &[]);
    let client = server.client().sign_in(Some(GROUP), user, PASSWORD);
    (server, client)
}
