//! Which problem each refusal of the crates below is.

use std::borrow::Cow;

use forecourt_auth::{AuthError, DenyReason};
use forecourt_base::{Bilingual, limits};
use forecourt_bus::BusError;
use forecourt_registry::{Importer, Need, RegistryError};
use forecourt_runtime::{CallError, FileError, JobRefused, KernelError, SecretError};
use forecourt_schema::{FieldError, Rule, SchemaError};
use forecourt_storage::StorageError;

use crate::problem::Problem;
use crate::table;

#[cfg(test)]
mod tests;

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict => Self::new(&table::CONFLICT),
            StorageError::Full => Self::new(&table::FULL).limit("COMMIT_QUEUE_TRANSACTIONS"),
            StorageError::DiskFull => Self::new(&table::READ_ONLY),
            StorageError::OutcomeUnknown => Self::new(&table::OUTCOME_UNKNOWN),
            StorageError::Poisoned | StorageError::Closed => Self::new(&table::UNAVAILABLE),
            other => Self::internal(&other),
        }
    }
}

fn invalid(field: &str, rule: Bilingual) -> FieldError {
    FieldError { pointer: format!("/{field}"), rule: Rule { code: "invalid", en: rule.en, zh: rule.zh } }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::BadCredentials => Self::new(&table::BAD_CREDENTIALS),
            AuthError::Throttled { retry_after_s } => {
                Self::new(&table::THROTTLED).word("seconds", retry_after_s).retry_after(retry_after_s)
            }
            AuthError::Busy => Self::new(&table::SIGN_IN_BUSY),
            AuthError::GroupNeeded => {
                let missing = Rule { code: "missing", en: Cow::Borrowed("is required"), zh: Cow::Borrowed("必填") };
                Self::new(&table::GROUP_NEEDED).at_field(FieldError { pointer: "/group".to_owned(), rule: missing })
            }
            AuthError::SessionEnded | AuthError::SessionExpired => Self::new(&table::UNAUTHENTICATED).token_refused(),
            AuthError::PrincipalChanged => Self::new(&table::CONFLICT),
            AuthError::Denied { reason, .. } => denied(reason.code()),
            AuthError::Invalid { field, rule } => Self::field(invalid(field, rule)),
            AuthError::Unknown { what, id } => {
                Self::new(&table::UNKNOWN_RESOURCE).told("what", table::resource(what)).word("id", id)
            }
            AuthError::Exists { what, id } => {
                Self::new(&table::EXISTS).told("what", table::resource(what)).word("id", id)
            }
            AuthError::LastAdmin { role, .. } => Self::new(&table::LAST_ADMIN).word("role", role),
            AuthError::ReservedRole { role } => Self::new(&table::RESERVED_ROLE).word("role", role),
            AuthError::BuiltInRole { role } => Self::new(&table::BUILT_IN_ROLE).word("role", role),
            AuthError::RoleHeld { role, user } => Self::new(&table::ROLE_HELD).word("role", role).word("user", user),
            AuthError::TokenRefused => Self::new(&table::TOKEN_REFUSED),
            AuthError::FixedRole { role } => Self::new(&table::FIXED_ROLE).word("role", role),
            AuthError::Storage(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

/// What a body names that is not known is the body's fault, not the path's.
pub(crate) fn named_in_body(error: AuthError) -> Problem {
    match error {
        AuthError::Unknown { what: what @ ("role" | "store"), id } => {
            let zh = format!("{} `{id}` 不存在", table::resource(what).zh);
            let rule = Rule {
                code: "unknown",
                en: format!("name the {what} `{id}`, which is not known").into(),
                zh: zh.into(),
            };
            Problem::field(FieldError { pointer: "/roles".to_owned(), rule })
        }
        other => other.into(),
    }
}

/// INVARIANT (told-to-members): whoever has no role in a place hears the same for every place. That a store is unknown is told to those alone whose
/// roles hold in every store of the group.
fn denied(reason: &str) -> Problem {
    let hidden = [DenyReason::OtherGroup, DenyReason::NotMember, DenyReason::NoGrant].map(DenyReason::code);
    if hidden.contains(&reason) {
        Problem::new(&table::FORBIDDEN)
    } else if reason == DenyReason::UnknownStore.code() {
        Problem::new(&table::UNKNOWN_STORE)
    } else {
        Problem::new(&table::PLUGIN_NOT_ALLOWED).word("reason", reason)
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::TooLarge { max, .. } => Self::new(&table::BODY_TOO_LARGE).word("max", max),
            RegistryError::NameTaken { name, publisher } => {
                Self::new(&table::NAME_TAKEN).word("name", name).word("publisher", publisher)
            }
            RegistryError::VersionTaken { module } => Self::new(&table::VERSION_TAKEN).word("module", module),
            RegistryError::UnknownVersion { module } => {
                Self::new(&table::UNKNOWN_PLUGIN_VERSION).word("module", module)
            }
            RegistryError::WiderThanRequested { module, items } => {
                Self::new(&table::WIDER_THAN_REQUESTED).word("module", module).because(items)
            }
            RegistryError::NotGranted { module } => Self::new(&table::NOT_GRANTED).word("module", module),
            RegistryError::AreaNotServed { module, area, .. } => {
                Self::new(&table::AREA_NOT_SERVED).word("module", module).word("area", area)
            }
            RegistryError::Unresolved { needs } => {
                Self::new(&table::UNRESOLVED).because(needs.iter().map(Need::bilingual).collect())
            }
            RegistryError::Cycle { areas } => Self::new(&table::IMPORT_CYCLE).word("areas", texts(&areas).join(" → ")),
            RegistryError::Required { area, importers } => Self::new(&table::REQUIRED)
                .word("area", area)
                .because(importers.iter().map(Importer::bilingual).collect()),
            RegistryError::NotEnabled { area, .. } => Self::new(&table::AREA_NOT_ENABLED).word("area", area),
            RegistryError::GroupWide { area, .. } => Self::new(&table::GROUP_WIDE).word("area", area),
            RegistryError::Stopping => Self::new(&table::UNAVAILABLE),
            RegistryError::Storage(error) => error.into(),
            other @ RegistryError::Corrupt { .. } => Self::internal(&other),
        }
    }
}

impl From<SchemaError> for Problem {
    fn from(error: SchemaError) -> Self {
        let reason = |problem: &forecourt_schema::Problem| {
            let around = |text: &str| format!("{}: {text}", problem.code.as_str());
            problem.message.around(around, around)
        };
        Self::new(&table::COMPONENT_REFUSED).because(error.problems().iter().map(reason).collect())
    }
}

impl From<KernelError> for Problem {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Engine(text) | KernelError::Compile(text) => {
                let zh = format!("无法编译或装载组件：{text}");
                Self::new(&table::COMPONENT_REFUSED).because(vec![Bilingual::made(text, zh)])
            }
            KernelError::Full(name) => Self::new(&table::FULL).limit(name),
            KernelError::Storage(error) => error.into(),
            KernelError::Auth(error) => error.into(),
            KernelError::Registry(error) => error.into(),
            KernelError::Schema(error) => error.into(),
            KernelError::Events(BusError::Storage(error)) => error.into(),
            KernelError::Events(BusError::Unknown { what, id }) => {
                Self::new(&table::UNKNOWN_RESOURCE).told("what", table::resource(what)).word("id", id)
            }
            KernelError::Events(BusError::BadCursor) => {
                Self::field(invalid("after", Bilingual::fixed("is not the cursor of an event", "不是事件的游标")))
            }
            KernelError::Files(error) => error.into(),
            KernelError::Secret(error) => error.into(),
            KernelError::Job(error) => error.into(),
            other @ KernelError::Io { .. } => Self::internal(&other),
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        let (field, zh) = match error {
            // Names stand in paths.
            SecretError::BadName => return Self::new(&table::UNKNOWN_PATH),
            SecretError::BadValue => ("value", format!("须为 8 至 {} 个可见 ASCII 字符", limits::SECRET_BYTES)),
            SecretError::TooMany => ("secret", format!("每个插件最多 {} 个密钥", limits::PLUGIN_SECRETS)),
        };
        Self::field(invalid(field, Bilingual::made(error.to_string(), zh)))
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        match error {
            FileError::TooLarge { bytes_max } => Self::new(&table::BODY_TOO_LARGE).word("max", bytes_max),
            FileError::Quota { quota_bytes, used_bytes } => {
                Self::new(&table::FILE_QUOTA).word("quota", quota_bytes).word("used", used_bytes)
            }
            FileError::OtherContent { found } => Self::new(&table::OTHER_CONTENT).word("found", found),
            FileError::Unknown(id) => {
                Self::new(&table::UNKNOWN_RESOURCE).told("what", table::resource("file")).word("id", id)
            }
        }
    }
}

impl From<JobRefused> for Problem {
    fn from(error: JobRefused) -> Self {
        match error {
            JobRefused::UnknownName(id) | JobRefused::Unknown(id) => {
                Self::new(&table::UNKNOWN_RESOURCE).told("what", table::resource("job")).word("id", id)
            }
            JobRefused::State(state) => Self::new(&table::JOB_STATE).told("state", table::job_state(state)),
            JobRefused::TooMany => Self::new(&table::TOO_MANY_JOBS).limit("JOBS_HELD"),
            JobRefused::TooLarge(max) => Self::new(&table::BODY_TOO_LARGE).word("max", max),
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Malformed { fields } => Self::fields(fields),
            CallError::Unauthenticated => Self::new(&table::UNAUTHENTICATED).token_refused(),
            CallError::Denied { reason } => denied(&reason),
            CallError::UnknownOperation(operation) => Self::new(&table::UNKNOWN_OPERATION).word("operation", operation),
            CallError::CommandByGet(operation) => {
                Self::new(&table::COMMAND_BY_GET).word("operation", operation).allow("POST")
            }
            CallError::PersonalByGet(operation) => {
                Self::new(&table::PERSONAL_BY_GET).word("operation", operation).allow("POST")
            }
            CallError::AreaNotEnabled(area) => Self::new(&table::AREA_NOT_ENABLED).word("area", area),
            CallError::Domain { case, error, replayed } => domain(&case).with_error(error, replayed),
            CallError::DependencyNotEnabled(interface) => Self::new(&table::NOT_ENABLED).word("interface", interface),
            CallError::Trap { plugin } => Self::new(&table::TRAP).word("plugin", plugin),
            CallError::Limit(name) => Self::new(&table::LIMIT_EXCEEDED).limit(name),
            CallError::Timeout => Self::new(&table::TIMEOUT),
            CallError::Full(name) => Self::new(&table::FULL).limit(name),
            CallError::Suspended { plugin, retry_after_ms } => {
                let seconds = retry_after_ms.div_ceil(1_000);
                Self::new(&table::PLUGIN_SUSPENDED).word("plugin", plugin).word("seconds", seconds).retry_after(seconds)
            }
            CallError::Conflict => Self::new(&table::CONFLICT),
            CallError::OutcomeUnknown => Self::new(&table::OUTCOME_UNKNOWN),
            CallError::DiskFull => Self::new(&table::READ_ONLY),
            CallError::IdempotencyMismatch => Self::new(&table::IDEMPOTENCY_MISMATCH),
            CallError::Internal(text) => Self::internal(&text),
        }
    }
}

/// The cases that areas have in common have a problem each; any other is the operation's refusal.
fn domain(case: &str) -> Problem {
    match case.replace('_', "-").as_str() {
        "not-found" => Problem::new(&table::NOT_FOUND),
        "stale" => Problem::new(&table::STALE),
        "forbidden" => Problem::new(&table::REFUSED_TO_CALLER),
        "not-enabled" => Problem::new(&table::NOT_ENABLED).told("interface", SEE_ERROR),
        _ => Problem::new(&table::OPERATION_REFUSED).word("case", case),
    }
}

const SEE_ERROR: table::Text = table::Text { en: "see `error`", zh: "见 `error`" };
