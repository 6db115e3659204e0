use forecourt_base::OsRandom;

use super::*;

fn passwords() -> Passwords {
    Passwords::new(PasswordCost::new(8, 1, 1).unwrap(), &OsRandom).unwrap()
}

#[test]
fn weak_passwords_are_refused_by_the_rule_they_break() {
    let user = UserId::new("li.wei").unwrap();
    let long = "汽".repeat(86);
    for (password, rule) in [
        ("", "at least 10"),
        ("短密码四五六七八九", "at least 10"),
        ("aaaabbbbcccc", "five different"),
        ("x-Li.Wei-2026", "sign-in name"),
        ("PassWord123", "tried first"),
        ("with\ttabs and\0", "control"),
        (&long, "longer than 256 bytes"),
    ] {
        let error = check_password(password, &user).unwrap_err().to_string();
        assert!(error.contains(rule) && error.starts_with("`password` "), "{error}");
    }
    for password in ["correct horse battery", "汽车销售服务规范手册一二", "k7#mQ2!xZp"] {
        assert!(check_password(password, &user).is_ok(), "{password}");
    }
}

#[test]
fn every_common_password_would_pass_the_other_rules() {
    let user = UserId::new("zz").unwrap();
    for password in COMMON {
        assert!(check_password(password, &user).unwrap_err().to_string().contains("tried first"), "{password}");
    }
}

#[tokio::test]
async fn hashes_are_salted_and_verify_only_their_password() {
    let passwords = passwords();
    let first = passwords.hash("correct horse battery", &OsRandom).await.unwrap();
    let second = passwords.hash("correct horse battery", &OsRandom).await.unwrap();
    assert!(first.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    assert_ne!(first, second);
    assert!(passwords.verify("correct horse battery", Some(&first)).await.unwrap());
    assert!(!passwords.verify("correct horse batterz", Some(&first)).await.unwrap());
    assert!(!passwords.verify("correct horse battery", None).await.unwrap());
    assert_eq!(passwords.runs(), 5);
}

#[tokio::test]
async fn a_password_beyond_the_limit_never_matches_by_its_beginning() {
    let passwords = passwords();
    let full = "0123456789abcdef".repeat(16);
    let hash = passwords.hash(&full, &OsRandom).await.unwrap();
    assert!(passwords.verify(&full, Some(&hash)).await.unwrap());
    assert!(!passwords.verify(&format!("{full}x"), Some(&hash)).await.unwrap());
}

#[tokio::test]
async fn a_full_queue_is_busy_and_spares_the_processor() {
    let passwords = passwords();
    let full = u32::try_from(limits::ARGON2_AT_ONCE + limits::ARGON2_QUEUE).unwrap();
    let held = passwords.admitted.try_acquire_many(full).unwrap();
    assert!(matches!(passwords.verify("x", None).await, Err(AuthError::Busy)));
    assert_eq!(passwords.runs(), 0);
    drop(held);
    assert!(!passwords.verify("x", None).await.unwrap());
    assert_eq!(passwords.runs(), 1);
}

#[test]
fn the_default_cost_is_owasps_first_choice() {
    let PasswordCost(cost) = PasswordCost::default();
    assert_eq!((cost.m_cost(), cost.t_cost(), cost.p_cost()), (19 * 1024, 2, 1));
    assert!(PasswordCost::new(1, 1, 1).is_err());
}
