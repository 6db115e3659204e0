//! A call tree: one root call with all its nested plugin calls.
//!
//! The tree travels: it is held by the store of the one instance that runs, is handed to a callee's store for the time of a nested
//! call, and comes back. So no lock is needed, and dropping the running future drops the tree with its transaction.
//!
//! INVARIANT (one-runner): of all stores of a tree, exactly the innermost holds the tree.

use std::sync::Arc;

use forecourt_auth::{Policy, Principal};
use forecourt_base::{OperationPath, Scope, Timestamp, TraceContext};
use forecourt_registry::{Generation, Module};
use forecourt_storage::Transaction;

use crate::budget::Budget;
use crate::error::Abort;
use crate::kernel::Kernel;
use crate::outbound::Item;
use crate::series::Numbers;
use crate::trace::Begun;
use crate::wake::Wake;

/// What the audit line of a root call tells of a nested one.
#[derive(Debug, Clone)]
pub(crate) struct NestedCall {
    pub(crate) operation: Arc<OperationPath>,
    pub(crate) by: Arc<Module>,
    pub(crate) elevated: bool,
}

/// What a root call knows before its first attempt and keeps over all of them.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) principal: Arc<Principal>,
    pub(crate) scope: Scope,
    pub(crate) request_id: Arc<str>,
    pub(crate) started: Timestamp,
    pub(crate) seed: u64,
    /// The trace that the call is part of, as the one who asked for it says.
    pub(crate) trace: Option<TraceContext>,
    /// The call's own span; none where nobody takes it.
    pub(crate) span: Option<Begun>,
}

/// One attempt of a root call.
pub(crate) struct Tree {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) transaction: Transaction,
    pub(crate) generation: Arc<Generation>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) budget: Budget,
    pub(crate) numbers: Numbers,
    pub(crate) nested: Vec<NestedCall>,
    /// The plugins whose instances are on the stack, the root's first.
    pub(crate) stack: Vec<Arc<Module>>,
    /// Whether it is known whose fault the tree's ending is.
    pub(crate) blamed: bool,
    /// The scopes and topics of the events published so far, of those undone too.
    pub(crate) published: Vec<(Scope, String)>,
    /// Outbound requests asked for so far, those undone too.
    pub(crate) outbox: Vec<Item>,
    /// Handlers of events between a person's call and this one.
    pub(crate) hops: u32,
    /// A page token that storage refused, as no answer of the same query gave it.
    pub(crate) refused_token: Option<String>,
    /// The span of the innermost call; none where nobody takes it.
    pub(crate) span: Option<Begun>,
    /// What is to be looked at once the tree has committed.
    pub(crate) wake: Wake,
    random: u64,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("origin", &self.origin).field("depth", &self.stack.len()).finish_non_exhaustive()
    }
}

/// The parts of a tree that are read in its own transaction.
pub(crate) struct Ground {
    pub(crate) generation: Arc<Generation>,
    pub(crate) policy: Arc<Policy>,
}

impl Tree {
    pub(crate) fn new(
        kernel: Arc<Kernel>,
        origin: Arc<Origin>,
        transaction: Transaction,
        ground: Ground,
        budget: Budget,
        numbers: Numbers,
    ) -> Self {
        let Ground { generation, policy } = ground;
        let (random, span) = (origin.seed, origin.span);
        Self {
            kernel,
            origin,
            transaction,
            generation,
            policy,
            budget,
            numbers,
            nested: Vec::new(),
            stack: Vec::with_capacity(4),
            published: Vec::new(),
            outbox: Vec::new(),
            hops: 0,
            refused_token: None,
            span,
            wake: Wake::default(),
            blamed: false,
            random,
        }
    }

    /// The next bytes of the call's randomness, the same at every attempt (SplitMix64 over the call's seed).
    pub(crate) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Where in a trace what the innermost call leads to goes on.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.span.map(|span| span.context).or(self.origin.trace)
    }

    /// Holds the transaction's use of storage against the tree's budget.
    pub(crate) fn check_storage(&self) -> Result<(), Abort> {
        self.budget.storage(&self.transaction.usage())
    }
}
