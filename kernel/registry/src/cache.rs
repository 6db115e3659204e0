//! What is kept in memory between calls: parsed schemas by content, and each group's latest generations by stamp.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use forecourt_base::GroupId;
use forecourt_schema::PluginSchema;
use forecourt_storage::{Bytes, StorageError};
use tokio::sync::OnceCell;

use crate::digest::Digest;
use crate::generation::Generation;
use crate::records::GroupSpaces;

/// Parsed schemas kept. One that a generation in use holds stays in memory whether it is kept here or not.
const SCHEMAS_KEPT: usize = 256;
/// Groups whose generations are kept.
const GROUPS_KEPT: usize = 1_024;
/// Generations kept of one group: the one in force, and those of transactions under way.
const GENERATIONS_KEPT: usize = 4;

const _: () = assert!(GENERATIONS_KEPT > 1 && SCHEMAS_KEPT > 0 && GROUPS_KEPT > 0);

/// A value that the first to ask for it makes, while others wait.
pub(crate) type Slot<T> = Arc<OnceCell<Arc<T>>>;

/// Holds the entries asked for most recently.
#[derive(Debug)]
struct Recent<K, V> {
    entries: HashMap<K, (V, u64)>,
    asked: u64,
    kept_max: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Recent<K, V> {
    fn new(kept_max: usize) -> Self {
        Self { entries: HashMap::new(), asked: 0, kept_max }
    }

    fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        self.asked += 1;
        if let Some((value, asked)) = self.entries.get_mut(key) {
            *asked = self.asked;
            return value.clone();
        }
        if self.entries.len() >= self.kept_max
            && let Some(oldest) = self.entries.iter().min_by_key(|(_, (_, asked))| *asked).map(|(key, _)| key.clone())
        {
            self.entries.remove(&oldest);
        }
        let value = make();
        self.entries.insert(key.clone(), (value.clone(), self.asked));
        value
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parsed schemas by the sha256 of their component.
#[derive(Debug)]
pub(crate) struct Schemas(Mutex<Recent<Digest, Slot<PluginSchema>>>);

impl Schemas {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Recent::new(SCHEMAS_KEPT)))
    }

    /// The place of one schema, empty or not.
    pub(crate) fn slot(&self, sha256: &Digest) -> Slot<PluginSchema> {
        lock(&self.0).get_or_insert_with(sha256, Slot::default)
    }
}

/// What is kept of one group.
#[derive(Debug)]
pub(crate) struct GroupCache {
    pub(crate) spaces: GroupSpaces,
    /// The latest generations, the one built last in front.
    generations: RwLock<VecDeque<Arc<Generation>>>,
}

impl GroupCache {
    /// The generation with this stamp. INVARIANT (stamped): whichever transaction built it.
    pub(crate) fn generation(&self, stamp: Option<&Bytes>) -> Option<Arc<Generation>> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.iter().find(|generation| generation.stamp.as_ref() == stamp).cloned()
    }

    pub(crate) fn keep(&self, generation: &Arc<Generation>) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        generations.retain(|kept| kept.stamp != generation.stamp);
        generations.push_front(generation.clone());
        generations.truncate(GENERATIONS_KEPT);
    }
}

/// What is kept of the groups used most recently.
#[derive(Debug)]
pub(crate) struct Groups(RwLock<HashMap<GroupId, Arc<GroupCache>>>);

impl Groups {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(HashMap::new()))
    }

    pub(crate) fn group(&self, group: &GroupId) -> Result<Arc<GroupCache>, StorageError> {
        if let Some(cache) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(group) {
            return Ok(cache.clone());
        }
        let spaces = GroupSpaces::new(group)?;
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if groups.len() >= GROUPS_KEPT && !groups.contains_key(group) {
            // A deployment of so many groups is served all the same: what was kept is read again.
            groups.clear();
        }
        let fresh = || Arc::new(GroupCache { spaces, generations: RwLock::default() });
        Ok(groups.entry(group.clone()).or_insert_with(fresh).clone())
    }
}

#[cfg(test)]
mod tests {
    use forecourt_base::GroupId;

    use super::*;
    use crate::generation::Layout;

    #[test]
    fn the_entry_asked_for_longest_ago_goes_first() {
        let mut recent = Recent::new(2);
        recent.get_or_insert_with(&"a", || 1);
        recent.get_or_insert_with(&"b", || 2);
        assert_eq!(recent.get_or_insert_with(&"a", || 9), 1);
        recent.get_or_insert_with(&"c", || 3);
        assert_eq!(recent.get_or_insert_with(&"a", || 9), 1);
        assert_eq!(recent.get_or_insert_with(&"b", || 9), 9);
        assert_eq!(recent.entries.len(), 2);
    }

    #[test]
    fn only_so_many_groups_are_kept() {
        let groups = Groups::new();
        let group = |number: usize| groups.group(&GroupId::new(format!("g{number}")).unwrap()).unwrap();
        let first = group(0);
        assert!(Arc::ptr_eq(&first, &group(0)));
        for number in 0..=GROUPS_KEPT {
            group(number);
        }
        assert!(groups.0.read().unwrap().len() <= GROUPS_KEPT);
        assert!(!Arc::ptr_eq(&first, &group(0)));
    }

    #[test]
    fn a_group_keeps_its_latest_generations() {
        let id = GroupId::new("g").unwrap();
        let cache = Groups::new().group(&id).unwrap();
        let stamp = |number: usize| Some(Bytes::from(vec![u8::try_from(number).unwrap()]));
        for number in 0..=GENERATIONS_KEPT {
            let layout = Layout::default();
            let generation = Generation { group: id.clone(), number: number as u64, stamp: stamp(number), layout };
            cache.keep(&Arc::new(generation));
        }
        assert!(cache.generation(stamp(0).as_ref()).is_none());
        assert_eq!(cache.generation(stamp(GENERATIONS_KEPT).as_ref()).unwrap().number, GENERATIONS_KEPT as u64);
        assert!(cache.generation(None).is_none());
    }
}
