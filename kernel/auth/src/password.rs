//! Passwords: their rules, and their argon2id hashes behind a semaphore with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{Output, PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use forecourt_base::{Bilingual, Random, UserId, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::error::AuthError;

#[cfg(test)]
mod tests;

/// Passwords of ten characters and more that every list of leaked ones begins with, in lower case.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "0987654321",
    "9876543210",
    "12345678910",
    "123456789a",
    "a123456789",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "qwertyuiop",
    "qwerty12345",
    "qwerty123456",
    "asdfghjkl123",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "admin12345",
    "admin123456",
    "administrator",
    "iloveyou123",
    "woaini1314",
    "woaini520520",
    "5201314520",
    "letmein123",
    "welcome123",
    "changeme123",
    "abc1234567",
    "abcd123456",
    "aa12345678",
    "forecourt123",
];

/// Checks `password` against the rules for one of `user`: at least ten characters, at most 256 bytes, no control characters, not the sign-in
/// name, not a few characters over and over, not one that everybody tries first.
///
/// # Errors
/// [`AuthError::Invalid`] names the rule, never the password.
pub fn check_password(password: &str, user: &UserId) -> Result<(), AuthError> {
    let refuse = |en, zh| Err(AuthError::rule("password", en, zh));
    let refuse_made = |en, zh| Err(AuthError::invalid("password", Bilingual::made(en, zh)));
    let (most, least) = (limits::PASSWORD_BYTES, limits::PASSWORD_CHARACTERS_MIN);
    if password.len() > most {
        return refuse_made(format!("is longer than {most} bytes"), format!("超过 {most} 字节"));
    }
    if password.chars().count() < least {
        return refuse_made(format!("must have at least {least} characters"), format!("至少须有 {least} 个字符"));
    }
    if password.chars().any(char::is_control) {
        return refuse("must not have control characters", "不得含控制字符");
    }
    let lower = password.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return refuse("must have at least five different characters", "至少须有五个不同的字符");
    }
    if user.as_str().len() >= 4 && lower.contains(user.as_str()) {
        return refuse("must not contain the sign-in name", "不得包含用户名");
    }
    if COMMON.contains(&lower.as_str()) {
        return refuse("is one of those that are tried first: choose another", "属于最常被猜测的密码：请另选一个");
    }
    Ok(())
}

/// What one argon2id hash costs.
#[derive(Debug, Clone)]
pub struct PasswordCost(Params);

impl PasswordCost {
    /// A cost of `memory_kib`, `passes` over it and `lanes`.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] when argon2 has no such parameters.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, AuthError> {
        Params::new(memory_kib, passes, lanes, None).map(Self).map_err(|error| {
            let rule = Bilingual::made(format!("is refused: {error}"), format!("被拒绝：{error}"));
            AuthError::invalid("password_cost", rule)
        })
    }
}

impl Default for PasswordCost {
    /// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self(Params::DEFAULT)
    }
}

/// Hashes and verifies passwords, at most [`limits::ARGON2_AT_ONCE`] at a time with [`limits::ARGON2_QUEUE`] waiting.
#[derive(Debug)]
pub(crate) struct Passwords {
    cost: Params,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    runs: Arc<AtomicU64>,
    /// A well-formed hash of no known password, so that an unknown user costs what a known one does.
    dummy: String,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, random: &dyn Random) -> Result<Self, AuthError> {
        let mut output = [0; 32];
        random.fill(&mut output);
        let cost = cost.0;
        let output = Output::new(&output).map_err(unusable)?;
        let (m, t, p) = (cost.m_cost(), cost.t_cost(), cost.p_cost());
        Ok(Self {
            admitted: Arc::new(Semaphore::new(limits::ARGON2_AT_ONCE + limits::ARGON2_QUEUE)),
            running: Arc::new(Semaphore::new(limits::ARGON2_AT_ONCE)),
            runs: Arc::default(),
            dummy: format!("$argon2id$v=19$m={m},t={t},p={p}${}${output}", salt(random)?),
            cost,
        })
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// The PHC string of `password` under a fresh salt.
    pub(crate) async fn hash(&self, password: &str, random: &dyn Random) -> Result<String, AuthError> {
        let (password, salt, cost) = (password.to_owned(), salt(random)?, self.cost.clone());
        self.run(move || {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
            argon2.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(unusable)
        })
        .await?
    }

    /// Whether `password` is that of the hash. Without a hash the answer is no, after the same work.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, AuthError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        // A longer one is no user's: it is cut, so that the work stays the same and the answer is no.
        let fits = password.len() <= limits::PASSWORD_BYTES;
        let password = password.as_bytes().get(..limits::PASSWORD_BYTES).unwrap_or(password.as_bytes()).to_owned();
        let matches = self
            .run(move || {
                let hash = PasswordHash::new(&hash).map_err(unusable)?;
                Ok::<_, AuthError>(Argon2::default().verify_password(&password, &hash).is_ok())
            })
            .await??;
        Ok(matches && known && fits)
    }

    /// Runs `work` on a thread of its own. The permits go with it, so a caller that went away frees none before its hash is done.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_: TryAcquireError| AuthError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| AuthError::Busy)?;
        let permits: [OwnedSemaphorePermit; 2] = [admitted, running];
        let runs = Arc::clone(&self.runs);
        let job = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            runs.fetch_add(1, Ordering::SeqCst);
            work()
        });
        job.await.map_err(|_| AuthError::Busy)
    }
}

fn salt(random: &dyn Random) -> Result<SaltString, AuthError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    SaltString::encode_b64(&bytes).map_err(unusable)
}

fn unusable(_: argon2::password_hash::Error) -> AuthError {
    AuthError::Corrupt { what: "password hash" }
}
