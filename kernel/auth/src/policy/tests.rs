use forecourt_base::UserId;
use proptest::prelude::*;

use super::*;
use crate::principal::Origin;
use crate::token::SessionKey;
use crate::version::Version;

fn group(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

fn store(id: &str) -> StoreId {
    StoreId::new(id).unwrap()
}

fn principal(group: Option<GroupId>, roles: Vec<(RoleName, Option<StoreId>)>) -> Principal {
    Principal {
        group,
        user: UserId::new("li.wei").unwrap(),
        name: String::new(),
        session: SessionKey::from_bytes(&[0; 32]).unwrap(),
        expires: forecourt_base::Timestamp::from_millis(0),
        roles,
        departments: Vec::new(),
        api_key: None,
        link: None,
        origin: Origin::User,
        version: Version::default(),
        revision: 0,
    }
}

fn stores() -> Vec<Store> {
    ["bj01", "sh01"].map(|id| Store::for_test(store(id))).into()
}

fn role(name: &str, grants: Vec<Grant>, powers: &[&str]) -> Role {
    let powers = powers.iter().map(|power| (*power).to_owned()).collect();
    Role { name: RoleName::new(name).unwrap(), names: Default::default(), built_in: false, grants, powers }
}

/// The rules once more, as a person would read them off the design.
fn naive(roles: &[Role], principal: &Principal, path: &OperationPath, command: bool, scope: &Scope) -> Decision {
    if principal.group.as_ref() != Some(&scope.group) || scope.group.as_str() != "huadong" {
        return Decision::Deny(DenyReason::OtherGroup);
    }
    let here: Vec<_> = principal.roles.iter().filter(|(_, at)| at.is_none() || *at == scope.store).collect();
    if here.is_empty() {
        return Decision::Deny(DenyReason::NotMember);
    }
    if scope.store.as_ref().is_some_and(|store| !["bj01", "sh01"].contains(&store.as_str())) {
        return Decision::Deny(DenyReason::UnknownStore);
    }
    let kind_fits = |kind| matches!((kind, command), (Kind::Any, _) | (Kind::Query, false) | (Kind::Command, true));
    let allowed = here.iter().any(|(held, _)| match held.as_str() {
        "group-admin" => roles.iter().any(|role| role.name == *held),
        "auditor" => !command && roles.iter().any(|role| role.name == *held),
        _ => roles.iter().filter(|role| role.name == *held).flat_map(|role| &role.grants).any(|grant| {
            kind_fits(grant.kind)
                && grant.area == path.area
                && grant.interface.as_ref().is_none_or(|interface| *interface == path.interface)
                && grant.operation.as_ref().is_none_or(|operation| *operation == path.operation)
        }),
    });
    if allowed { Decision::Allow } else { Decision::Deny(DenyReason::NoGrant) }
}

fn paths() -> impl Strategy<Value = OperationPath> {
    (0..2_u8, 0..2_u8, 0..2_u8)
        .prop_map(|(area, interface, operation)| format!("a{area}/i{interface}/o{operation}").parse().unwrap())
}

fn grants() -> impl Strategy<Value = Grant> {
    let kinds = prop_oneof![Just(Kind::Query), Just(Kind::Command), Just(Kind::Any)];
    (paths(), 0..3_u8, kinds).prop_map(|(path, depth, kind)| Grant {
        interface: (depth > 0).then_some(path.interface),
        operation: (depth > 1).then_some(path.operation),
        area: path.area,
        kind,
    })
}

const NAMES: [&str; 5] = ["group-admin", "auditor", "advisor", "tech", "gone"];

fn scopes() -> impl Strategy<Value = Option<StoreId>> {
    prop_oneof![Just(None), Just(Some("bj01")), Just(Some("sh01")), Just(Some("xx09"))].prop_map(|id| id.map(store))
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_naive_model(
        given in proptest::collection::vec(proptest::collection::vec(grants(), 0..4), 4),
        held in proptest::collection::vec((0..5_usize, scopes()), 0..4),
        (own, asked) in (0..3_u8, 0..2_u8),
        path in paths(),
        command in any::<bool>(),
        at in scopes(),
    ) {
        // The fifth name is a role that the group does not have.
        let roles: Vec<_> = NAMES.iter().zip(given).map(|(name, grants)| role(name, grants, &[])).collect();
        let own = match own { 0 => None, 1 => Some(group("huadong")), _ => Some(group("huabei")) };
        let held = held.into_iter().map(|(name, at)| (RoleName::new(NAMES[name]).unwrap(), at)).collect();
        let principal = principal(own, held);
        let scope = Scope { group: group(if asked == 0 { "huadong" } else { "huabei" }), store: at };
        let policy = Policy::compile(group("huadong"), stores(), &roles);
        prop_assert_eq!(
            policy.decide(&principal, &path, command, &scope),
            naive(&roles, &principal, &path, command, &scope)
        );
    }
}

#[test]
fn powers_hold_where_their_role_holds() {
    let power = "repair.discount-over-limit";
    let policy = Policy::compile(
        group("huadong"),
        stores(),
        &[role("svc_manager", vec![], &[power]), role("group-admin", vec![], &[]), role("auditor", vec![], &[])],
    );
    let held = |role: &str, at: Option<&str>| {
        principal(Some(group("huadong")), vec![(RoleName::new(role).unwrap(), at.map(store))])
    };
    let (bj, sh) = (Scope::store(group("huadong"), store("bj01")), Scope::store(group("huadong"), store("sh01")));
    let whole = Scope::group(group("huadong"));
    let manager = held("svc_manager", Some("bj01"));
    assert!(policy.may(&manager, power, &bj));
    assert!(!policy.may(&manager, "repair.other", &bj));
    assert!(!policy.may(&manager, power, &sh));
    assert!(!policy.may(&manager, power, &whole));
    assert!(policy.may(&held("group-admin", None), power, &sh));
    assert!(!policy.may(&held("auditor", None), power, &sh));
    assert!(!policy.may(&manager, power, &Scope::store(group("huabei"), store("bj01"))));
}

#[test]
fn roles_in_a_scope_are_those_given_there_or_for_the_group() {
    let policy = Policy::compile(group("huadong"), stores(), &[]);
    let name = |role: &str| RoleName::new(role).unwrap();
    let person = principal(
        Some(group("huadong")),
        vec![(name("tech"), Some(store("bj01"))), (name("qc"), None), (name("qc"), Some(store("bj01")))],
    );
    let bj = Scope::store(group("huadong"), store("bj01"));
    assert_eq!(policy.roles_in(&person, &bj), [&name("qc"), &name("tech")]);
    assert_eq!(policy.roles_in(&person, &Scope::group(group("huadong"))), [&name("qc")]);
    assert!(policy.roles_in(&person, &Scope::group(group("huabei"))).is_empty());
    // The group has neither role any more: its holder is a member still, without rights.
    assert_eq!(policy.member(&person, &bj), Decision::Allow);
    let stranger = principal(Some(group("huadong")), vec![(name("tech"), Some(store("sh01")))]);
    assert_eq!(policy.member(&stranger, &bj), Decision::Deny(DenyReason::NotMember));
}

#[test]
fn files_are_uploaded_by_who_may_change_something_and_downloaded_by_who_belongs() {
    let of = |path: &str, kind| {
        let path: OperationPath = path.parse().unwrap();
        let (interface, operation) = (Some(path.interface), Some(path.operation));
        vec![Grant { area: path.area, interface, operation, kind }]
    };
    let roles = [
        role("writer", of("a/i/o", Kind::Command), &[]),
        role("reader", of("a/i/o", Kind::Query), &["a.power"]),
        role("empty", Vec::new(), &[]),
    ];
    let policy = Policy::compile(group("huadong"), stores(), &roles);
    let held = |name: &str, at: Option<&str>| {
        principal(Some(group("huadong")), vec![(RoleName::new(name).unwrap(), at.map(store))])
    };
    let (here, whole) = (Scope::store(group("huadong"), store("bj01")), Scope::group(group("huadong")));
    for (name, at, may_upload, may_download) in [
        ("writer", Some("bj01"), [true, true], [true, true]),
        ("writer", None, [true, true], [true, true]),
        ("writer", Some("sh01"), [false, true], [false, true]),
        ("reader", Some("bj01"), [false, false], [true, true]),
        ("empty", Some("bj01"), [false, false], [true, true]),
        ("gone", Some("bj01"), [false, false], [false, false]),
    ] {
        let who = held(name, at);
        let both = |may: &dyn Fn(&Scope) -> Decision| [&here, &whole].map(|scope| may(scope).is_allowed());
        assert_eq!(both(&|scope| policy.may_upload(&who, scope)), may_upload, "{name} at {at:?}");
        assert_eq!(both(&|scope| policy.may_download(&who, scope)), may_download, "{name} at {at:?}");
    }
    for nobody in [principal(None, Vec::new()), principal(Some(group("huabei")), Vec::new())] {
        for scope in [&here, &whole] {
            assert_eq!(policy.may_upload(&nobody, scope), Decision::Deny(DenyReason::OtherGroup));
            assert_eq!(policy.may_download(&nobody, scope), Decision::Deny(DenyReason::OtherGroup));
        }
    }
}
