//! Whose fault it is when a call tree ends by a trap or a limit.
//!
//! A trap, and a limit of one instance, is the fault of the plugin that ran. A limit of the whole tree may be reached in one plugin because
//! another used it up before, so it counts against a plugin only where that is certain: it ran alone, or most of the processor's time went
//! into one instance of it. Where it is not certain it is nobody's, for otherwise one plugin could have another suspended.

use crate::breaker::Verdict;
use crate::budget::Budget;
use crate::error::Abort;

/// Limits that one instance reaches by itself.
const OWN: [&str; 5] =
    ["INSTANCE_MEMORY_BYTES", "INSTANCE_TABLE_ELEMENTS", "GUEST_STACK_BYTES", "HOSTCALL_FUEL", "RECORD_INDEX_ENTRIES"];

/// What the ending of an instance says about its plugin. `instance_ticks` are those that found this instance running. An abort passes
/// through all instances on the stack, the innermost first; `blamed` is set once it is known whose it is.
pub(crate) fn verdict(outcome: Result<(), &Abort>, budget: &Budget, instance_ticks: u64, blamed: &mut bool) -> Verdict {
    let own = match outcome {
        Ok(()) => return Verdict::Success,
        Err(_) if *blamed => false,
        Err(Abort::Trap { .. } | Abort::Misuse { .. }) => true,
        Err(Abort::Limit("EXCLUSIVE_CPU_MS")) => false,
        Err(Abort::Limit(name)) if *name == budget.bounds.cpu_limit => instance_ticks > budget.bounds.cpu_ticks / 2,
        Err(Abort::Limit(name)) => OWN.contains(name) || budget.plugin_calls() == 1,
        Err(_) => false,
    };
    *blamed |= own;
    if own { Verdict::Failure } else { Verdict::None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Bounds;
    use forecourt_storage::Usage;

    fn budget(plugin_calls: usize) -> Budget {
        let mut budget = Budget::new(Bounds::CALL, Usage::default(), None);
        (0..plugin_calls).for_each(|_| budget.plugin_call().unwrap());
        budget
    }

    fn trap() -> Abort {
        Abort::Trap { plugin: "parts".to_owned() }
    }

    #[test]
    fn a_trap_is_the_innermost_plugin_s_alone() {
        let (budget, mut blamed) = (budget(2), false);
        assert_eq!(verdict(Err(&trap()), &budget, 0, &mut blamed), Verdict::Failure);
        assert_eq!(verdict(Err(&trap()), &budget, 0, &mut blamed), Verdict::None);
    }

    #[test]
    fn a_limit_of_the_tree_is_one_plugin_s_only_where_that_is_certain() {
        let blame = |name, plugin_calls, ticks| {
            verdict(Err(&Abort::Limit(name)), &budget(plugin_calls), ticks, &mut false) == Verdict::Failure
        };
        let all = Bounds::CALL.cpu_ticks;
        assert!(blame("TREE_WRITES", 1, 0) && !blame("TREE_WRITES", 2, 0));
        assert!(blame("TREE_CPU_MS", 2, all) && !blame("TREE_CPU_MS", 2, all / 2));
        assert!(blame("GUEST_STACK_BYTES", 2, 0) && !blame("EXCLUSIVE_CPU_MS", 1, all));
    }

    #[test]
    fn what_says_nothing_about_a_plugin_is_nobody_s() {
        for abort in [Abort::Full("ROOT_CALLS"), Abort::Denied("x".to_owned()), Abort::Internal("x".to_owned())] {
            assert_eq!(verdict(Err(&abort), &budget(1), 0, &mut false), Verdict::None);
        }
        assert_eq!(verdict(Ok(()), &budget(1), 0, &mut false), Verdict::Success);
    }
}
