//! Every bound the kernel keeps, by name. `forecourt limits` prints [`all`].
//!
//! INVARIANT (related-limits): the assertions at the end hold at compile time.

/// One limit as shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name, the unit last.
    pub name: &'static str,
    /// Its value in the unit of the name.
    pub value: u64,
    /// What it bounds.
    pub meaning: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $value:expr;)*) => {
        $($(#[doc = $doc])+ pub const $name: $kind = $value;)*

        /// Every limit with its value and meaning, in the order of declaration.
        #[must_use]
        pub fn all() -> Vec<Limit> {
            vec![$(Limit { name: stringify!($name), value: $name as u64, meaning: concat!($($doc),+).trim_ascii() }),*]
        }
    };
}

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;

limits! {
    /// linear memory of one plugin instance
    INSTANCE_MEMORY_BYTES: usize = 64 * MIB;
    /// table elements of one plugin instance
    INSTANCE_TABLE_ELEMENTS: usize = 20_000;
    /// core modules, memories and tables in one component
    COMPONENT_CORE_INSTANCES: usize = 24;
    /// linear memory of all instances of one call tree
    TREE_MEMORY_BYTES: usize = 256 * MIB;
    /// processor time of one call tree
    TREE_CPU_MS: u64 = 500;
    /// processor time of a call tree begun by an event handler, a job step or a `report-` query
    TREE_CPU_LONG_MS: u64 = 10_000;
    /// time between two epoch ticks, the resolution of processor time
    EPOCH_TICK_MS: u64 = 1;
    /// processor time of one call tree after which it runs on by turns with others
    TREE_SHORT_MS: u64 = 2;
    /// processor time of the one attempt of a call tree that keeps its group's other commits out
    EXCLUSIVE_CPU_MS: u64 = 20;
    /// time for which that attempt keeps them out
    EXCLUSIVE_WALL_MS: u64 = 250;
    /// time from a root call's start to its answer
    TREE_WALL_MS: u64 = 2_000;
    /// the same for event handlers, job steps and `report-` queries
    TREE_WALL_LONG_MS: u64 = 30_000;
    /// bytes that one host call may copy out of a guest
    HOSTCALL_FUEL: usize = 4 * MIB;
    /// the same in `report-` queries
    HOSTCALL_FUEL_REPORT: usize = 16 * MIB;
    /// nested plugin calls under one another
    TREE_DEPTH: usize = 16;
    /// plugin calls in one call tree
    TREE_CALLS: usize = 256;
    /// records written by one call tree
    TREE_WRITES: usize = 1_000;
    /// bytes written by one call tree
    TREE_WRITE_BYTES: usize = MIB;
    /// records read by one call tree
    TREE_READ_ROWS: usize = 10_000;
    /// records read by a `report-` query
    TREE_READ_ROWS_REPORT: usize = 200_000;
    /// bytes read by one call tree
    TREE_READ_BYTES: usize = 8 * MIB;
    /// bytes read by a `report-` query
    TREE_READ_BYTES_REPORT: usize = 160 * MIB;
    /// events published by one call tree
    TREE_EVENTS: usize = 100;
    /// one event's payload
    EVENT_PAYLOAD_BYTES: usize = 64 * KIB;
    /// the key of an event
    EVENT_KEY_BYTES: usize = 256;
    /// events handled in one transaction
    DELIVERY_BATCH: usize = 32;
    /// tries of one event before it is a dead letter
    DELIVERY_TRIES: u32 = 8;
    /// the longest wait between two tries of one event
    DELIVERY_BACKOFF_MAX_MS: u64 = 300_000;
    /// time until a delivery that failed by no fault of its events' is tried again; each further failure doubles it
    DELIVERY_PAUSE_MS: u64 = 250;
    /// the longest such time
    DELIVERY_PAUSE_MAX_MS: u64 = 30_000;
    /// handlers of events one after another, each of an event that the one before published
    EVENT_HOPS: u32 = 16;
    /// days for which events are kept
    EVENT_KEPT_DAYS: u64 = 400;
    /// events passed over before a subscription's place is written down though none was its own
    SUBSCRIPTION_PASSED: usize = 1_000;
    /// clients that are told of events as they come, at once
    EVENT_STREAMS: usize = 256;
    /// time after which such a client is told that there was nothing
    EVENT_STREAM_HEARTBEAT_MS: u64 = 15_000;
    /// a timer's key
    TIMER_KEY_BYTES: usize = 128;
    /// a timer's payload
    TIMER_PAYLOAD_BYTES: usize = 32 * KIB;
    /// days that a timer may lie ahead
    TIMER_AHEAD_D: u64 = 3_660;
    /// timers that one plugin has set in one store, or in a group as a whole
    TIMERS_HELD: usize = 100_000;
    /// timers that one transaction turns into events
    TIMERS_AT_ONCE: usize = 32;
    /// the text of a cron line
    CRON_LINE_BYTES: usize = 512;
    /// stretches of past runs that are remembered of one cron line, so that a clock which is set back repeats none
    CRON_STRETCHES: usize = 16;
    /// the longest time for which a jump of the clock goes unnoticed
    SCHEDULE_TICK_MS: u64 = 1_000;
    /// looks at timers and cron lines at once
    SCHEDULE_AT_ONCE: usize = 16;
    /// time between two looks at what plugins and stores there are, for changes that nobody told of
    SCHEDULE_REFRESH_S: u64 = 60;
    /// job steps taken at once
    JOB_STEPS: usize = 4;
    /// jobs of one plugin that run in one store, or in a group as a whole
    JOBS_HELD: usize = 100;
    /// failures of a job's step in a row after which the job has failed
    JOB_TRIES: usize = 8;
    /// the pause after a job's step has failed; each further failure doubles it
    JOB_BACKOFF_MS: u64 = 1_000;
    /// the longest such pause
    JOB_BACKOFF_MAX_MS: u64 = 300_000;
    /// what a job is started with
    JOB_ARGUMENTS_BYTES: usize = 64 * KIB;
    /// where a job's next step begins, as its last one said
    JOB_CURSOR_BYTES: usize = 8 * KIB;
    /// the words on a job's progress
    JOB_TEXT_BYTES: usize = KIB;
    /// days for which jobs that ended are kept
    JOBS_KEPT_D: u64 = 90;
    /// series of calls that are counted apart, by store, plugin and operation
    METRIC_SERIES: usize = 10_000;
    /// log text of one call tree
    TREE_LOG_BYTES: usize = 64 * KIB;
    /// host calls of one call tree
    TREE_HOST_CALLS: usize = 100_000;
    /// a WebAssembly stack
    GUEST_STACK_BYTES: usize = 512 * KIB;
    /// a native stack that runs a guest, its WebAssembly stack included
    ASYNC_STACK_BYTES: usize = 2 * MIB;
    /// one stored record's value
    RECORD_BYTES: usize = 512 * KIB;
    /// the part of a storage key that a plugin chooses
    RECORD_KEY_BYTES: usize = 512;
    /// a whole storage key
    STORAGE_KEY_BYTES: usize = 2 * KIB;
    /// a stored value before it is split into chunks
    STORAGE_CHUNK_BYTES: usize = 32 * KIB;
    /// a value that the kernel itself may store, such as a component
    STORAGE_VALUE_BYTES: usize = 32 * MIB;
    /// bits of a sum that `add` may reach, fewer where the field is narrower
    ADD_SUM_BITS: usize = 64;
    /// index entries of one record
    RECORD_INDEX_ENTRIES: usize = 64;
    /// records in one page
    PAGE_ROWS: usize = 200;
    /// records in one page when the caller names no number
    PAGE_ROWS_DEFAULT: usize = 50;
    /// one segment of the commit log
    LOG_SEGMENT_BYTES: usize = 64 * MIB;
    /// one frame of the commit log
    LOG_FRAME_BYTES: usize = 48 * MIB;
    /// what the engine keeps of changed rows as they were, keys and upkeep included, for transactions that still read the older state
    UNDO_BYTES: usize = 64 * MIB;
    /// log after which the next snapshot file is made, or the size of the last one where that is more
    LOG_SNAPSHOT_BYTES: usize = 64 * MIB;
    /// rest after each block of rows that is copied into a snapshot file
    SNAPSHOT_PAUSE_MS: u64 = 1;
    /// snapshot files kept, each with the log from its start on
    SNAPSHOTS_KEPT: usize = 2;
    /// room on the disk that commits leave free, for the index and whoever tidies up
    DISK_RESERVE_BYTES: usize = 64 * MIB;
    /// transactions in one batch of the committer
    COMMIT_BATCH_TRANSACTIONS: usize = 1_024;
    /// transactions that wait for the committer
    COMMIT_QUEUE_TRANSACTIONS: usize = 4_096;
    /// attempts of a call tree after conflicts, before the one that excludes others
    COMMIT_RETRIES: usize = 8;
    /// root calls running at once
    ROOT_CALLS: usize = 128;
    /// event handlers, timers and job steps running at once, apart from root calls
    HANDLER_CALLS: usize = 16;
    /// root calls of one plugin running at once in one store, or in a group as a whole
    STORE_PLUGIN_CALLS: usize = 64;
    /// linear memory of all root calls of one plugin in one store, or in a group as a whole
    STORE_PLUGIN_MEMORY_BYTES: usize = 1_024 * MIB;
    /// operators' actions that compile or load plugins, running at once
    MAINTENANCE_CALLS: usize = 2;
    /// time for which such an action waits for others to end
    MAINTENANCE_WAIT_MS: u64 = 30_000;
    /// failures of a plugin version in one store without a success between them, after which it is suspended there
    BREAKER_FAILURES: usize = 10;
    /// time within which those failures lie
    BREAKER_WINDOW_MS: u64 = 60_000;
    /// time for which a plugin version is suspended the first time; each failed trial doubles it
    BREAKER_OPEN_MS: u64 = 1_000;
    /// the longest time for which a plugin version is suspended before another trial
    BREAKER_OPEN_MAX_MS: u64 = 60_000;
    /// one plugin component as published
    COMPONENT_BYTES: usize = 16 * MIB;
    /// the embedded WIT, labels and manifest of a component together
    COMPONENT_METADATA_BYTES: usize = 2 * MIB;
    /// time to compile one component in the child process
    COMPILE_CPU_S: u64 = 60;
    /// address space of the child process that compiles
    COMPILE_MEMORY_BYTES: usize = 2 * 1024 * MIB;
    /// one request body, uploads of components apart
    BODY_BYTES: usize = MIB;
    /// nesting of a JSON value
    JSON_DEPTH: usize = 32;
    /// the time a client has to send its request's head and body
    REQUEST_READ_MS: u64 = 15_000;
    /// an idempotency key
    IDEMPOTENCY_KEY_BYTES: usize = 128;
    /// hours for which the first answer to an idempotency key is kept
    IDEMPOTENCY_KEPT_H: u64 = 24;
    /// time between two removals of answers that are kept no longer
    SWEEP_S: u64 = 3_600;
    /// connections open at once
    CONNECTIONS: usize = 4_096;
    /// connections open at once to the listener of the metrics
    METRICS_CONNECTIONS: usize = 64;
    /// spans that wait to be sent to the collector of traces
    SPANS_QUEUED: usize = 8_192;
    /// hours for which a session is good
    SESSION_H: u64 = 12;
    /// sessions of one user open at once
    SESSIONS_PER_USER: usize = 32;
    /// sessions and API keys of which a use is noted until it is written
    USES_HELD: usize = 65_536;
    /// time after which noted uses of sessions and API keys are written
    USES_WRITTEN_S: u64 = 600;
    /// API keys of one user
    API_KEYS_PER_USER: usize = 32;
    /// hours for which a password reset is good
    RESET_H: u64 = 24;
    /// unknown API keys, or password resets, from one address in a quarter of an hour
    GUESSES_ADDRESS: usize = 100;
    /// operations of one customer link
    LINK_OPERATIONS: usize = 16;
    /// days for which a customer link may be good
    LINK_DAYS: u64 = 90;
    /// calls through one customer link from one address in a quarter of an hour
    LINK_CALLS_ADDRESS: usize = 60;
    /// calls through one customer link in a quarter of an hour
    LINK_CALLS: usize = 240;
    /// password hashes computed at once
    ARGON2_AT_ONCE: usize = 2;
    /// sign-ins that wait for a password hash
    ARGON2_QUEUE: usize = 64;
    /// failed sign-ins of one account from one address in a quarter of an hour
    SIGN_IN_FAILURES: usize = 10;
    /// failed sign-ins from one address in a quarter of an hour, over all accounts
    SIGN_IN_FAILURES_ADDRESS: usize = 100;
    /// a password's length in bytes
    PASSWORD_BYTES: usize = 256;
    /// a password's least length in characters
    PASSWORD_CHARACTERS_MIN: usize = 10;
    /// time after which refusals that were counted are written into the audit trails
    DENIALS_WRITTEN_S: u64 = 5;
    /// kinds of refusals that are counted apart until they are written
    DENIALS_HELD: usize = 4_096;
    /// the same of one principal
    DENIALS_OF_ONE: usize = 64;
    /// time between two looks for lines of the audit trails to be sealed
    SEAL_S: u64 = 10;
    /// lines of one seal
    SEAL_LINES: usize = 256;
    /// seals whose lines one answer checks
    SEALS_CHECKED: usize = 100;
    /// numbers reserved at once for a series of `ids.number`
    ID_BLOCK: u64 = 100;
    /// number series of which the kernel holds a block in memory
    SERIES_HELD: usize = 10_000;
    /// number series that one call tree may draw from
    TREE_SERIES: usize = 16;
    /// one uploaded file
    FILE_BYTES: usize = 100 * MIB;
    /// what a smaller file counts as against its store's quota
    FILE_COUNTED_BYTES_MIN: usize = 4 * KIB;
    /// files of one store, or of a group as a whole, where the configuration says nothing else
    STORE_FILES_BYTES: usize = 50 * 1_024 * MIB;
    /// what is read or written of a file at once
    FILE_PIECE_BYTES: usize = 256 * KIB;
    /// room on the disk that uploads leave free, so that they do not stop commits
    FILE_DISK_RESERVE_BYTES: usize = 128 * MIB;
    /// uploads at once
    FILE_UPLOADS: usize = 32;
    /// uploads of one user at once
    FILE_UPLOADS_PER_USER: usize = 4;
    /// time for one upload
    FILE_UPLOAD_MS: u64 = 900_000;
    /// downloads at once
    FILE_DOWNLOADS: usize = 128;
    /// downloads of one user at once
    FILE_DOWNLOADS_PER_USER: usize = 16;
    /// time for which a client may take nothing of a download
    FILE_STALL_MS: u64 = 30_000;
    /// files that one record may name
    RECORD_FILES: usize = 100;
    /// hours for which a file is kept that no record names
    FILE_KEPT_H: u64 = 24;
    /// outbound requests that one call tree may ask for
    TREE_OUTBOUND: usize = 20;
    /// an outbound request's URL
    OUTBOUND_URL_BYTES: usize = 2 * KIB;
    /// headers of an outbound request
    OUTBOUND_HEADERS: usize = 32;
    /// the name of one of them
    OUTBOUND_HEADER_NAME_BYTES: usize = 64;
    /// the value of one of them
    OUTBOUND_HEADER_BYTES: usize = 4 * KIB;
    /// an outbound request's body
    OUTBOUND_BODY_BYTES: usize = 256 * KIB;
    /// the head of its answer
    OUTBOUND_ANSWER_HEAD_BYTES: usize = 16 * KIB;
    /// the body of its answer
    OUTBOUND_ANSWER_BYTES: usize = 256 * KIB;
    /// time to connect for an outbound request
    OUTBOUND_CONNECT_MS: u64 = 5_000;
    /// time for an outbound request and its answer
    OUTBOUND_MS: u64 = 10_000;
    /// attempts of an outbound request
    OUTBOUND_ATTEMPTS: usize = 8;
    /// time before its second attempt; each further one waits twice as long
    OUTBOUND_PAUSE_MS: u64 = 1_000;
    /// the longest time between two of its attempts
    OUTBOUND_PAUSE_MS_MAX: u64 = 900_000;
    /// the longest time for which the other side may put it off
    OUTBOUND_RETRY_AFTER_S_MAX: u64 = 3_600;
    /// outbound requests sent at once
    OUTBOUND_AT_ONCE: usize = 16;
    /// the same of one plugin in one store
    OUTBOUND_AT_ONCE_PER_PLUGIN: usize = 4;
    /// outbound requests of one plugin in one store that are not yet done with
    OUTBOX_REQUESTS: usize = 1_000;
    /// tries to tell a plugin what came of its request
    OUTBOUND_DELIVERIES: usize = 8;
    /// days for which requests are kept that failed or were not taken
    OUTBOX_KEPT_D: u64 = 30;
    /// a secret's value
    SECRET_BYTES: usize = 2 * KIB;
    /// secrets of one plugin in a group
    PLUGIN_SECRETS: usize = 32;
    /// time for running calls to end after a stop was asked for
    DRAIN_MS: u64 = 10_000;
}

/// Milliseconds until an event is tried again after its first, second… failure.
pub const DELIVERY_BACKOFF_MS: [u64; 7] = [1_000, 3_000, 8_000, 20_000, 50_000, 120_000, DELIVERY_BACKOFF_MAX_MS];

/// Core instances that the pooling allocator holds ready.
pub const POOL_CORE_INSTANCES: usize = POOL_INSTANCES * COMPONENT_CORE_INSTANCES;
/// Plugin instances that the pooling allocator holds ready: as many as all call trees can have at once.
pub const POOL_INSTANCES: usize = (ROOT_CALLS + HANDLER_CALLS) * TREE_DEPTH;

const _: () = {
    assert!(TREE_MEMORY_BYTES >= INSTANCE_MEMORY_BYTES);
    assert!(TREE_CPU_MS < TREE_WALL_MS && TREE_CPU_LONG_MS < TREE_WALL_LONG_MS);
    assert!(GUEST_STACK_BYTES < ASYNC_STACK_BYTES);
    assert!(RECORD_BYTES <= TREE_WRITE_BYTES && RECORD_BYTES <= HOSTCALL_FUEL);
    assert!(EVENT_PAYLOAD_BYTES <= RECORD_BYTES);
    assert!(TIMER_PAYLOAD_BYTES < EVENT_PAYLOAD_BYTES && TIMER_KEY_BYTES < RECORD_KEY_BYTES);
    assert!(JOB_BACKOFF_MS <= JOB_BACKOFF_MAX_MS && JOB_STEPS < HANDLER_CALLS);
    assert!(JOB_ARGUMENTS_BYTES + JOB_CURSOR_BYTES + JOB_TEXT_BYTES < RECORD_BYTES && JOBS_HELD <= PAGE_ROWS);
    assert!(RECORD_KEY_BYTES < STORAGE_KEY_BYTES);
    assert!(2 * EVENT_KEY_BYTES <= RECORD_KEY_BYTES && DELIVERY_BATCH <= TREE_CALLS);
    assert!(DELIVERY_BACKOFF_MS.len() as u32 + 1 == DELIVERY_TRIES);
    assert!(STORAGE_CHUNK_BYTES < STORAGE_VALUE_BYTES && STORAGE_VALUE_BYTES < LOG_FRAME_BYTES);
    assert!(LOG_FRAME_BYTES < LOG_SEGMENT_BYTES && LOG_SEGMENT_BYTES <= LOG_SNAPSHOT_BYTES);
    assert!(STORAGE_VALUE_BYTES < UNDO_BYTES);
    assert!(SNAPSHOTS_KEPT >= 1 && LOG_FRAME_BYTES < DISK_RESERVE_BYTES);
    assert!(COMPONENT_BYTES <= STORAGE_VALUE_BYTES && COMPONENT_METADATA_BYTES < COMPONENT_BYTES);
    assert!(PAGE_ROWS_DEFAULT <= PAGE_ROWS && PAGE_ROWS <= TREE_READ_ROWS);
    assert!(COMMIT_BATCH_TRANSACTIONS <= COMMIT_QUEUE_TRANSACTIONS);
    assert!(ROOT_CALLS <= CONNECTIONS);
    // One plugin in one store at its cap leaves as many places to all others.
    assert!(2 * STORE_PLUGIN_CALLS <= ROOT_CALLS);
    assert!(STORE_PLUGIN_MEMORY_BYTES >= TREE_MEMORY_BYTES);
    assert!(EPOCH_TICK_MS <= TREE_SHORT_MS && TREE_SHORT_MS < EXCLUSIVE_CPU_MS && EXCLUSIVE_CPU_MS < TREE_CPU_MS);
    assert!(EXCLUSIVE_CPU_MS < EXCLUSIVE_WALL_MS && EXCLUSIVE_WALL_MS < TREE_WALL_MS);
    assert!(BREAKER_OPEN_MS <= BREAKER_OPEN_MAX_MS && BREAKER_OPEN_MAX_MS <= BREAKER_WINDOW_MS);
    assert!(TREE_WALL_MS < BREAKER_WINDOW_MS && BREAKER_FAILURES < STORE_PLUGIN_CALLS);
    assert!(SIGN_IN_FAILURES < SIGN_IN_FAILURES_ADDRESS);
    assert!(DENIALS_OF_ONE < DENIALS_HELD && LINK_CALLS_ADDRESS < LINK_CALLS);
    // A seal is one value that is not split: a key, a digest and what JSON adds for each line.
    assert!(SEAL_LINES * 100 + 512 <= STORAGE_CHUNK_BYTES);
    assert!(SECRET_BYTES < OUTBOUND_HEADER_BYTES && OUTBOUND_CONNECT_MS < OUTBOUND_MS);
    assert!(OUTBOUND_AT_ONCE_PER_PLUGIN < OUTBOUND_AT_ONCE && OUTBOUND_PAUSE_MS < OUTBOUND_PAUSE_MS_MAX);
    assert!(OUTBOUND_BODY_BYTES < RECORD_BYTES && OUTBOUND_ANSWER_BYTES < RECORD_BYTES);
    assert!(FILE_BYTES <= STORE_FILES_BYTES && FILE_PIECE_BYTES < FILE_BYTES);
    assert!(DISK_RESERVE_BYTES < FILE_DISK_RESERVE_BYTES && RECORD_FILES < TREE_WRITES);
    assert!(FILE_UPLOADS_PER_USER < FILE_UPLOADS && FILE_DOWNLOADS_PER_USER < FILE_DOWNLOADS);
    assert!(FILE_UPLOADS + FILE_DOWNLOADS < CONNECTIONS && REQUEST_READ_MS < FILE_UPLOAD_MS);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_listed_with_a_meaning() {
        let all = all();
        assert!(all.iter().all(|limit| limit.value > 0 && !limit.meaning.is_empty()));
        let tick = all.iter().find(|limit| limit.name == "EPOCH_TICK_MS").unwrap();
        assert_eq!(tick.meaning, "time between two epoch ticks, the resolution of processor time");
    }
}
