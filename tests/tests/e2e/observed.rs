//! What operators see: metrics by store, plugin and operation on a listener of their own, and spans at a collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forecourt_tests::ground::{grant, publish};
use forecourt_tests::{Client, Ground, pause};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector of traces: keeps the spans that are posted to it.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream.unwrap(), &kept));
            }
        });
        Self { url, spans }
    }

    /// The spans of a trace, once there are so many.
    fn of_trace(&self, trace: &str, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans.lock().unwrap().clone();
            let found: Vec<Value> = spans.into_iter().filter(|span| span["traceId"] == trace).collect();
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < end, "{found:?}");
            pause();
        }
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, spans: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut first) = (0, String::new());
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        assert_eq!(first.trim(), "POST /v1/traces HTTP/1.1");
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let told = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
        spans.lock().unwrap().extend(told);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    }
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no `{name}` in {spans:?}"))
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    &found.unwrap_or_else(|| panic!("no `{key}` in {span}"))["value"]["stringValue"]
}

fn nanos(span: &Value, field: &str) -> u64 {
    span[field].as_str().unwrap().parse().unwrap()
}

/// An address that nobody listens on.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_collector_is_told_of_every_call_under_the_one_that_made_it_and_metrics_have_a_listener_of_their_own() {
    let (collector, metrics) = (Collector::begin(), free_address());
    let ground = Ground::begin_with(&["--otlp", &collector.url, "--metrics-listen", &metrics]);
    let place = ground.place_with_guests();
    let advisor = place.user("advisor");
    let travel = |trip: &str, client: &Client, ending: &str| {
        let trip = json!({ "trip": trip, "slot": trip, "place": "here", "ending": ending });
        client.call(&place.store, "relay/trips/travel", &trip)
    };
    // Nobody records the first: its flag says so.
    let unsampled = advisor.header("traceparent", format!("00-{}-{PARENT}-00", TRACE.replace('0', "1")));
    travel("unseen", &unsampled, "succeed").ok();
    let traced = advisor.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).header("x-request-id", "traced-1");
    travel("seen", &traced, "succeed").ok();
    let spans = collector.of_trace(TRACE, 2);
    let (root, nested) = (named(&spans, "relay/trips/travel"), named(&spans, "probe/holds/take"));
    assert_eq!((&root["parentSpanId"], &nested["parentSpanId"]), (&json!(PARENT), &root["spanId"]));
    assert_eq!((&root["kind"], &nested["kind"]), (&json!(2), &json!(1)));
    assert!(nanos(root, "startTimeUnixNano") <= nanos(nested, "startTimeUnixNano"));
    assert!(nanos(nested, "endTimeUnixNano") <= nanos(root, "endTimeUnixNano"));
    for (span, plugin) in [(root, "relay"), (nested, "probe")] {
        assert_eq!(attribute(span, "forecourt.plugin"), plugin);
        assert_eq!(attribute(span, "forecourt.store"), &*place.store);
        assert_eq!(attribute(span, "forecourt.request_id"), "traced-1");
        assert_eq!(span["status"], json!({}));
    }
    assert!(collector.of_trace(&TRACE.replace('0', "1"), 0).is_empty());

    // A job's steps are linked to the call that started it, and failures say how.
    publish(&place.admin, "clockwork");
    grant(&place.admin, "clockwork", "0.1.0");
    place.enable("clockwork", "clockwork", "0.1.0").ok();
    let other = TRACE.replace('0', "2");
    let starter = advisor.header("traceparent", format!("00-{other}-{PARENT}-01"));
    starter.call(&place.store, "clockwork/marches/begin", &json!({ "steps": 2, "fail": false })).ok();
    let begin = collector.of_trace(&other, 1).remove(0);
    let linked = || {
        let spans = collector.spans.lock().unwrap().clone();
        spans.into_iter().filter(|span| span["name"] == "kernel/job/step").collect::<Vec<_>>()
    };
    let end = Instant::now() + PATIENCE;
    while linked().len() < 2 {
        assert!(Instant::now() < end, "the steps' spans did not come");
        pause();
    }
    let link = json!([{ "traceId": other, "spanId": begin["spanId"] }]);
    assert!(linked().iter().all(|step| step["links"] == link && step["kind"] == 5), "{:?}", linked());
    let failing = TRACE.replace('0', "3");
    travel("lost", &advisor.header("traceparent", format!("00-{failing}-{PARENT}-01")), "trap").problem(500, "trap");
    let failed = collector.of_trace(&failing, 1);
    assert_eq!(named(&failed, "relay/trips/travel")["status"], json!({ "code": 2 }));
    assert_eq!(attribute(named(&failed, "relay/trips/travel"), "error.type"), "trap");
    check_metrics(&advisor, &metrics, &place.store);
}

/// The counts of those calls, told by the metrics' own listener alone.
fn check_metrics(advisor: &Client, metrics: &str, store: &str) {
    advisor.get("/metrics").problem(404, "unknown-path");
    let apart = Client::new(&format!("http://{metrics}"));
    apart.get("/readyz").problem(404, "unknown-path");
    let text = apart.get("/metrics").ok();
    let text = text.as_str().unwrap();
    let labels = |plugin: &str, operation: &str| {
        format!("group=\"g\",store=\"{}\",plugin=\"{plugin}\",operation=\"{operation}\"", store)
    };
    let travels = labels("relay", "relay/trips/travel");
    for line in [
        format!("forecourt_calls_total{{{travels},outcome=\"ok\"}} 2\n"),
        format!("forecourt_calls_total{{{travels},outcome=\"trap\"}} 1\n"),
        format!("forecourt_call_seconds_count{{{travels}}} 3\n"),
        format!("forecourt_nested_calls_total{{{},outcome=\"ok\"}} 3\n", labels("probe", "probe/holds/take")),
        format!("forecourt_calls_total{{{},outcome=\"ok\"}} 2\n", labels("clockwork", "kernel/job/step")),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains(&format!("forecourt_storage_writes_total{{{travels}}} ")));
}
