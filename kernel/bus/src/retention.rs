//! How long events are kept.

use forecourt_base::{Scope, Timestamp};
use forecourt_storage::{Direction, KeyRange, StorageError, Transaction};

use crate::{Cursor, Event, log_space};

/// Removes the oldest events of a scope: those published before `before` and not behind `reached`, the least place that every subscription
/// has passed; at most `most`. Whether there may be more of them.
///
/// # Errors
/// What storage answers.
pub async fn trim(
    transaction: &mut Transaction,
    scope: &Scope,
    before: Timestamp,
    reached: Cursor,
    most: usize,
) -> Result<bool, StorageError> {
    let space = log_space(scope)?;
    let page = transaction.scan(&space, &KeyRange::all(), Direction::Forward, most).await?;
    for row in &page.items {
        let event: Event = serde_json::from_slice(&row.value)?;
        let passed = Cursor::of_key(&row.key).is_some_and(|cursor| cursor <= reached);
        if !passed || event.at >= before {
            return Ok(false);
        }
        transaction.delete(&space, &row.key).await?;
    }
    Ok(page.more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{event, publish, scope};
    use forecourt_storage::{MemoryEngine, Mode};

    #[tokio::test]
    async fn old_events_go_but_never_past_a_place_that_is_not_reached() {
        let engine = MemoryEngine::new();
        for number in 0..5 {
            let mut old = event("repair.approved", number);
            old.at = Timestamp::from_millis(i64::from(number));
            publish(&engine, &old).await;
        }
        let count = async || {
            let mut transaction = Transaction::begin(&engine, Some(scope().group.clone()), Mode::ReadOnly).unwrap();
            crate::page(&mut transaction, &scope(), &[], None, 100).await.unwrap().items.len()
        };
        let trim_to = async |before: i64, reached: Cursor| {
            let mut transaction = Transaction::begin(&engine, Some(scope().group.clone()), Mode::ReadWrite).unwrap();
            let more = trim(&mut transaction, &scope(), Timestamp::from_millis(before), reached, 2).await.unwrap();
            transaction.commit().await.unwrap();
            more
        };
        assert!(!trim_to(4, Cursor::START).await);
        assert_eq!(count().await, 5);
        assert!(trim_to(4, Cursor::behind(3)).await);
        assert_eq!(count().await, 3);
        assert!(!trim_to(4, Cursor::behind(3)).await);
        assert_eq!(count().await, 2);
        assert!(!trim_to(4, Cursor::behind(9)).await);
        assert_eq!(count().await, 1);
    }
}
