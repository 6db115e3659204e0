use super::*;
use forecourt_base::StoreId;
use forecourt_schema::ScopeRequest;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn scope(store: &str) -> Scope {
    Scope::store(GroupId::new("g").unwrap(), StoreId::new(store).unwrap())
}

fn timers(store: &str) -> Item {
    Item::Timers(scope(store))
}

fn cron(store: &str, name: &str) -> (Item, CronRequest) {
    let item = Item::Cron(scope(store), PluginName::new("parts").unwrap(), name.to_owned());
    (item, CronRequest { name: name.to_owned(), line: "0 0 * * *".to_owned(), scope: ScopeRequest::Store })
}

/// INVARIANT (one-look)
#[test]
fn looks_come_in_the_order_of_their_times_and_only_move_forward() {
    let schedule = Schedule::default();
    schedule.sooner(timers("a"), at(30));
    schedule.sooner(timers("b"), at(20));
    schedule.sooner(timers("a"), at(10));
    schedule.sooner(timers("b"), at(25));
    schedule.sooner(timers("c"), at(90));
    assert_eq!(schedule.first(), Some(at(10)));
    assert_eq!(schedule.take_due(at(9)), []);
    assert_eq!(schedule.take_due(at(20)), [timers("a"), timers("b")]);
    assert_eq!(schedule.first(), Some(at(90)));
}

#[test]
fn lines_are_looked_at_when_they_are_new_or_changed_and_not_when_they_are_gone() {
    let group = GroupId::new("g").unwrap();
    let schedule = Schedule::default();
    let both: HashMap<_, _> = [cron("a", "x"), cron("b", "x")].into();
    assert!(schedule.set_lines(&group, both.clone(), at(5)).is_empty());
    assert_eq!(schedule.take_due(at(5)).len(), 2);
    assert!(schedule.set_lines(&group, both.clone(), at(6)).is_empty());
    assert_eq!(schedule.take_due(at(6)), [], "nothing has changed");
    let (item, mut line) = cron("a", "x");
    line.line = "0 1 * * *".to_owned();
    let gone = schedule.set_lines(&group, [(item.clone(), line)].into(), at(7));
    assert_eq!(gone, [scope("b")].into());
    assert_eq!(schedule.take_due(at(7)), std::slice::from_ref(&item));
    assert!(schedule.has_line(&scope("a"), "parts", "x") && !schedule.has_line(&scope("b"), "parts", "x"));
    assert!(schedule.set_lines(&GroupId::new("h").unwrap(), HashMap::new(), at(8)).is_empty());
    schedule.sooner(item.clone(), at(1_000));
    schedule.look_at_lines(at(9));
    assert_eq!(schedule.take_due(at(9)), [item]);
}
