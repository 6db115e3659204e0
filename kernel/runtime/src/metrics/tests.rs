use super::*;
use forecourt_base::{GroupId, StoreId};

fn place(store: &str) -> (Scope, PluginName) {
    let scope = Scope::store(GroupId::new("demo").unwrap(), StoreId::new(store).unwrap());
    (scope, PluginName::new("repair").unwrap())
}

fn used(micros: u64) -> Used {
    let storage = Usage { writes: 2, write_bytes: 300, rows_read: 5, bytes_read: 1_000 };
    Used { took: Duration::from_micros(micros), cpu_ms: 1, memory_bytes: 131_072, storage }
}

#[test]
fn the_names_and_labels_are_as_agreed() {
    let metrics = Metrics::default();
    let (scope, plugin) = place("bj01");
    let approve: OperationPath = "repair/orders/approve".parse().unwrap();
    metrics.call((&scope, &plugin), &approve, Ok(()), &used(700));
    metrics.call((&scope, &plugin), &approve, Err("domain"), &used(3_000));
    metrics.call((&Scope::group(scope.group.clone()), &plugin), &approve, Err("trap"), &used(60_000_000));
    metrics.nested((&scope, &plugin), &"parts/reservations/reserve".parse().unwrap(), Ok(()));
    metrics.hook((&scope, &plugin), Hook { interface: "job", function: "step" }, Ok(()), &used(1_500));
    let took = Used { took: Duration::from_micros(90), ..Used::default() };
    metrics.root((&scope, None), &approve, Err("not-found"), &took);
    metrics.conflict();
    insta::assert_snapshot!(metrics.to_prometheus());
}

#[test]
fn series_are_bounded() {
    let metrics = Metrics::default();
    let (scope, plugin) = place("bj01");
    for number in 0..limits::METRIC_SERIES + 10 {
        let operation = OperationPath::new("repair", "orders", &format!("op-{number}")).unwrap();
        metrics.call((&scope, &plugin), &operation, Ok(()), &used(10));
    }
    let text = metrics.to_prometheus();
    assert_eq!(
        text.lines().filter(|line| line.starts_with("forecourt_calls_total{")).count(),
        limits::METRIC_SERIES + 1
    );
    assert!(text.contains("operation=\"other\",outcome=\"ok\"} 10\n"));
}

#[test]
fn many_count_at_once_and_none_is_lost() {
    let metrics = Metrics::default();
    let operation: OperationPath = "repair/orders/approve".parse().unwrap();
    std::thread::scope(|threads| {
        for number in 0..8 {
            let (metrics, operation) = (&metrics, &operation);
            threads.spawn(move || {
                let (scope, plugin) = place(if number % 2 == 0 { "bj01" } else { "sh01" });
                for round in 0..1_000 {
                    let outcome = if round % 4 == 0 { Err("domain") } else { Ok(()) };
                    metrics.call((&scope, &plugin), operation, outcome, &used(round));
                }
            });
        }
    });
    let text = metrics.to_prometheus();
    for store in ["bj01", "sh01"] {
        let labels = format!("group=\"demo\",store=\"{store}\",plugin=\"repair\",operation=\"repair/orders/approve\"");
        assert!(text.contains(&format!("forecourt_calls_total{{{labels},outcome=\"ok\"}} 3000\n")), "{text}");
        assert!(text.contains(&format!("forecourt_calls_total{{{labels},outcome=\"domain\"}} 1000\n")));
        assert!(text.contains(&format!("forecourt_call_seconds_count{{{labels}}} 4000\n")));
    }
}
