use std::collections::BTreeSet;

use forecourt_base::{Area, PluginName, RoleName, StoreId};
use forecourt_bus::jobs::JobState;
use forecourt_registry::{ModuleRef, Publisher};
use forecourt_storage::BlobId;

use super::*;

fn module() -> ModuleRef {
    ModuleRef { plugin: PluginName::new("parts").unwrap(), version: "0.1.0".parse().unwrap() }
}

fn said() -> Bilingual {
    Bilingual::fixed("is empty", "为空")
}

fn area() -> Area {
    Area::new("parts").unwrap()
}

fn of_storage() -> Vec<(StorageError, &'static str)> {
    vec![
        (StorageError::Conflict, "conflict"),
        (StorageError::Full, "full"),
        (StorageError::DiskFull, "read-only"),
        (StorageError::OutcomeUnknown, "outcome-unknown"),
        (StorageError::Poisoned, "unavailable"),
        (StorageError::Closed, "unavailable"),
        (StorageError::BadRange, "internal"),
    ]
}

fn of_auth() -> Vec<(AuthError, &'static str)> {
    let denied = |reason| AuthError::Denied { right: "operate".to_owned(), scope: "demo".to_owned(), reason };
    let (id, role) = ("x".to_owned(), RoleName::new("auditor").unwrap());
    vec![
        (AuthError::BadCredentials, "bad-credentials"),
        (AuthError::Throttled { retry_after_s: 77 }, "throttled"),
        (AuthError::Busy, "sign-in-busy"),
        (AuthError::GroupNeeded, "group-needed"),
        (AuthError::SessionEnded, "unauthenticated"),
        (AuthError::SessionExpired, "unauthenticated"),
        (AuthError::PrincipalChanged, "conflict"),
        (denied(DenyReason::OtherGroup), "forbidden"),
        (denied(DenyReason::NotMember), "forbidden"),
        (denied(DenyReason::NoGrant), "forbidden"),
        (denied(DenyReason::UnknownStore), "unknown-store"),
        (AuthError::Invalid { field: "name", rule: said() }, "invalid-fields"),
        (AuthError::Unknown { what: "user", id: id.clone() }, "unknown-resource"),
        (AuthError::Exists { what: "store", id }, "already-exists"),
        (AuthError::LastAdmin { scope: "demo".to_owned(), role: "group-admin" }, "last-admin"),
        (AuthError::ReservedRole { role: role.clone() }, "reserved-role"),
        (AuthError::FixedRole { role: role.clone() }, "fixed-role"),
        (AuthError::BuiltInRole { role: role.clone() }, "built-in-role"),
        (AuthError::RoleHeld { role, user: forecourt_base::UserId::new("li").unwrap() }, "role-held"),
        (AuthError::TokenRefused, "token-refused"),
        (AuthError::Corrupt { what: "user" }, "internal"),
        (AuthError::Storage(StorageError::Full), "full"),
    ]
}

fn of_registry() -> Vec<(RegistryError, &'static str)> {
    let (store, name) = (StoreId::new("bj01").unwrap(), PluginName::new("parts").unwrap());
    let importer = Importer { store: None, area: area(), module: module(), interfaces: BTreeSet::new() };
    vec![
        (RegistryError::TooLarge { bytes: 2, max: 1 }, "body-too-large"),
        (RegistryError::NameTaken { name, publisher: Publisher::Bundled }, "plugin-name-taken"),
        (RegistryError::VersionTaken { module: module() }, "plugin-version-taken"),
        (RegistryError::UnknownVersion { module: module() }, "unknown-plugin-version"),
        (RegistryError::WiderThanRequested { module: module(), items: vec![said()] }, "wider-than-requested"),
        (RegistryError::NotGranted { module: module() }, "plugin-not-granted"),
        (RegistryError::AreaNotServed { module: module(), area: area(), areas: Vec::new() }, "area-not-served"),
        (RegistryError::Unresolved { needs: Vec::new() }, "unresolved-imports"),
        (RegistryError::Cycle { areas: vec![area(), area()] }, "import-cycle"),
        (RegistryError::Required { area: area(), importers: vec![importer] }, "required-by-others"),
        (RegistryError::NotEnabled { area: area(), store: None }, "area-not-enabled"),
        (RegistryError::GroupWide { area: area(), store }, "enabled-for-the-group"),
        (RegistryError::Stopping, "unavailable"),
        (RegistryError::Corrupt { record: "x".to_owned(), reason: "y".to_owned() }, "internal"),
        (RegistryError::Storage(StorageError::DiskFull), "read-only"),
    ]
}

fn of_kernel() -> Vec<(KernelError, &'static str)> {
    let refused = forecourt_schema::read_component(b"no component").unwrap_err();
    vec![
        (KernelError::Engine("x".to_owned()), "component-refused"),
        (KernelError::Compile("x".to_owned()), "component-refused"),
        (KernelError::Schema(refused), "component-refused"),
        (KernelError::Full("MAINTENANCE_CALLS"), "full"),
        (KernelError::Storage(StorageError::Conflict), "conflict"),
        (KernelError::Auth(AuthError::Busy), "sign-in-busy"),
        (KernelError::Registry(RegistryError::Stopping), "unavailable"),
        (KernelError::Events(BusError::BadCursor), "invalid-fields"),
        (KernelError::Events(BusError::Storage(StorageError::Full)), "full"),
        (JobRefused::UnknownName("parts/count".to_owned()).into(), "unknown-resource"),
        (JobRefused::Unknown("1".to_owned()).into(), "unknown-resource"),
        (JobRefused::State(JobState::Done).into(), "job-state"),
        (JobRefused::TooMany.into(), "too-many-jobs"),
        (JobRefused::TooLarge(1).into(), "body-too-large"),
        (KernelError::Io { what: "x".to_owned(), source: std::io::Error::other("y") }, "internal"),
        (KernelError::Files(FileError::TooLarge { bytes_max: 1 }), "body-too-large"),
        (KernelError::Files(FileError::Quota { quota_bytes: 1, used_bytes: 1 }), "file-quota"),
        (KernelError::Files(FileError::OtherContent { found: BlobId::new([7; 32]) }), "other-content"),
        (KernelError::Files(FileError::Unknown(BlobId::new([7; 32]))), "unknown-resource"),
        (KernelError::Secret(SecretError::BadName), "unknown-path"),
        (KernelError::Secret(SecretError::BadValue), "invalid-fields"),
        (KernelError::Secret(SecretError::TooMany), "invalid-fields"),
    ]
}

fn of_call() -> Vec<(CallError, &'static str)> {
    let domain = |case: &str| CallError::Domain { case: case.to_owned(), error: case.into(), replayed: false };
    let denied = |reason: &str| CallError::Denied { reason: reason.to_owned() };
    let path = || "parts/stock/issue".to_owned();
    vec![
        (CallError::Malformed { fields: vec![invalid("x", said())] }, "invalid-fields"),
        (CallError::Unauthenticated, "unauthenticated"),
        (denied("no-grant"), "forbidden"),
        (denied("not-member"), "forbidden"),
        (denied("other-group"), "forbidden"),
        (denied("unknown-store"), "unknown-store"),
        (denied("plugin-not-granted"), "plugin-not-allowed"),
        (CallError::UnknownOperation(path()), "unknown-operation"),
        (CallError::CommandByGet(path()), "command-by-get"),
        (CallError::PersonalByGet(path()), "personal-by-get"),
        (CallError::AreaNotEnabled("parts".to_owned()), "area-not-enabled"),
        (domain("not_found"), "not-found"),
        (domain("stale"), "stale"),
        (domain("forbidden"), "refused-to-caller"),
        (domain("not_enabled"), "not-enabled"),
        (domain("held_by"), "operation-refused"),
        (CallError::DependencyNotEnabled("forecourt:parts/stock".to_owned()), "not-enabled"),
        (CallError::Trap { plugin: "parts".to_owned() }, "trap"),
        (CallError::Limit("TREE_CPU_MS"), "limit-exceeded"),
        (CallError::Timeout, "timeout"),
        (CallError::Full("ROOT_CALLS"), "full"),
        (CallError::Suspended { plugin: "parts".to_owned(), retry_after_ms: 1 }, "plugin-suspended"),
        (CallError::Conflict, "conflict"),
        (CallError::OutcomeUnknown, "outcome-unknown"),
        (CallError::DiskFull, "read-only"),
        (CallError::IdempotencyMismatch, "idempotency-mismatch"),
        (CallError::Internal("x".to_owned()), "internal"),
    ]
}

fn problems<E: Into<Problem>>(cases: Vec<(E, &'static str)>) -> Vec<(Problem, &'static str)> {
    cases.into_iter().map(|(error, name)| (error.into(), name)).collect()
}

/// Problems that no crate below knows of. Tests of this crate reach each of them.
const OF_THE_GATEWAY: [&str; 13] = [
    "link-refused",
    "not-http",
    "address-too-long",
    "head-too-large",
    "malformed-json",
    "broken-body",
    "invalid-idempotency-key",
    "foreign-origin",
    "unknown-path",
    "method-not-allowed",
    "request-timeout",
    "unsupported-media-type",
    "range-beyond",
];

#[test]
fn every_refusal_is_its_problem_and_every_problem_is_reached() {
    let mut reached: BTreeSet<&str> = OF_THE_GATEWAY.into();
    let all = [
        problems(of_storage()),
        problems(of_auth()),
        problems(of_registry()),
        problems(of_kernel()),
        problems(of_call()),
    ];
    for (problem, name) in all.concat() {
        assert_eq!(problem.kind().name, name);
        for language in [crate::language::Language::En, crate::language::Language::Zh] {
            let detail = problem.detail(language);
            assert!(!detail.contains(['{', '}', '…']), "{name}: {detail}");
        }
        reached.insert(name);
    }
    assert_eq!(reached, table::ALL.iter().map(|kind| kind.name).collect());
}

#[test]
fn what_a_body_names_is_the_bodys_fault() {
    let unknown = |what| AuthError::Unknown { what, id: "x".to_owned() };
    let problem = named_in_body(unknown("role"));
    assert_eq!((problem.kind().name, problem.errors()[0].pointer.as_str()), ("invalid-fields", "/roles"));
    assert_eq!(named_in_body(unknown("user")).kind().name, "unknown-resource");
}
