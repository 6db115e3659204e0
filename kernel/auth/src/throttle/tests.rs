use super::*;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_768_000_000_000 + ms)
}

fn account(user: &str) -> Account {
    Account { group: None, user: UserId::new(user).ok() }
}

fn fail(throttle: &Throttle, user: &str, address: IpAddr, ms: i64) -> Result<(), u64> {
    match throttle.begin(account(user), Some(address), at(ms)) {
        Ok(attempt) => {
            drop(attempt);
            Ok(())
        }
        Err(AuthError::Throttled { retry_after_s }) => Err(retry_after_s),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_account_is_slowed_at_one_address_and_free_at_another() {
    let throttle = Throttle::new();
    for _ in 0..limits::SIGN_IN_FAILURES {
        assert_eq!(fail(&throttle, "admin", AWAY, 0), Ok(()));
    }
    assert_eq!(fail(&throttle, "admin", AWAY, 1_000), Err(899));
    assert_eq!(fail(&throttle, "admin", HOME, 1_000), Ok(()));
    assert_eq!(fail(&throttle, "other", AWAY, 1_000), Ok(()));
    assert_eq!(fail(&throttle, "admin", AWAY, WINDOW_MS - 1), Err(1));
    assert_eq!(fail(&throttle, "admin", AWAY, WINDOW_MS), Ok(()));
}

#[test]
fn an_address_is_slowed_over_all_accounts() {
    let throttle = Throttle::new();
    for n in 0..limits::SIGN_IN_FAILURES_ADDRESS {
        assert_eq!(fail(&throttle, &format!("u{n}"), AWAY, 0), Ok(()));
    }
    assert_eq!(fail(&throttle, "fresh", AWAY, 0), Err(900));
    assert_eq!(fail(&throttle, "fresh", HOME, 0), Ok(()));
}

#[test]
fn success_forgets_the_accounts_failures_and_its_own_count() {
    let throttle = Throttle::new();
    for _ in 0..limits::SIGN_IN_FAILURES - 1 {
        fail(&throttle, "admin", HOME, 0).unwrap();
    }
    throttle.begin(account("admin"), Some(HOME), at(0)).unwrap().succeeded();
    for _ in 0..limits::SIGN_IN_FAILURES {
        assert_eq!(fail(&throttle, "admin", HOME, 0), Ok(()));
    }
    assert_eq!(throttle.tables().addresses.windows[&HOME].failures, 2 * limits::SIGN_IN_FAILURES - 1);
}

#[test]
fn attempts_that_were_not_made_do_not_count() {
    let throttle = Throttle::new();
    for _ in 0..2 * limits::SIGN_IN_FAILURES_ADDRESS {
        throttle.begin(account("admin"), Some(HOME), at(0)).unwrap().not_made();
    }
}

#[test]
fn attempts_under_way_count_already() {
    let throttle = Throttle::new();
    let open: Vec<_> =
        (0..limits::SIGN_IN_FAILURES).map(|_| throttle.begin(account("admin"), Some(HOME), at(0)).unwrap()).collect();
    assert_eq!(fail(&throttle, "admin", HOME, 0), Err(900));
    drop(open);
}

#[test]
fn names_that_can_not_be_a_users_count_as_one() {
    let throttle = Throttle::new();
    for n in 0..limits::SIGN_IN_FAILURES {
        assert_eq!(fail(&throttle, &format!("店{n}"), HOME, 0), Ok(()));
    }
    assert_eq!(fail(&throttle, "NOT A USER", HOME, 0), Err(900));
}

#[test]
fn one_ipv6_network_and_a_mapped_ipv4_address_are_one_address() {
    let network_of = |text: &str| network(text.parse().unwrap());
    assert_eq!(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::9"));
    assert_ne!(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
    assert_eq!(network_of("::ffff:192.0.2.1"), HOME);
}

#[test]
fn tables_stay_bounded_and_drop_the_oldest() {
    let throttle = Throttle::bounded(100);
    for n in 0..1_000 {
        fail(&throttle, &format!("u{n}"), IpAddr::from([10, 0, (n / 250) as u8, (n % 250) as u8]), n).unwrap();
    }
    let tables = throttle.tables();
    assert!(tables.accounts.windows.len() <= 100 && tables.accounts.order.len() <= 100);
    assert_eq!(tables.addresses.windows.len(), 100);
    assert!(tables.addresses.windows.contains_key(&IpAddr::from([10, 0, 3, 249])));
}

#[test]
fn windows_that_are_over_leave_the_tables() {
    let throttle = Throttle::bounded(100);
    for n in 0..50 {
        fail(&throttle, &format!("u{n}"), HOME, 0).unwrap();
    }
    fail(&throttle, "late", AWAY, WINDOW_MS).unwrap();
    assert_eq!(throttle.tables().accounts.windows.len(), 1);
}

#[test]
fn attempts_from_no_address_count_for_their_account_alone() {
    let throttle = Throttle::new();
    for _ in 0..limits::SIGN_IN_FAILURES {
        drop(throttle.begin(account("admin"), None, at(0)).unwrap());
    }
    assert!(matches!(throttle.begin(account("admin"), None, at(0)), Err(AuthError::Throttled { retry_after_s: 900 })));
    assert!(throttle.begin(account("other"), None, at(0)).is_ok());
    assert_eq!(fail(&throttle, "admin", HOME, 0), Ok(()));
}
