//! Compares lines with their seals, and seals with one another: over what is stored, and over an export that somebody took away.

use std::collections::HashMap;

use forecourt_base::Bilingual;

use super::{Head, NO_HASH, Seal, sha256};
use crate::audit::AuditEntry;

/// Flaws that one check names; more are only counted.
const FLAWS_MAX: usize = 1_000;

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The seal at which it was found.
    pub seal: u64,
    /// The key of the line that it is about, 24 hexadecimal digits; none where it is about the seal.
    pub line: Option<String>,
    /// What is wrong.
    pub kind: FlawKind,
}

/// The kinds of flaws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlawKind {
    /// The line has another text than when it was sealed: what it says now.
    Changed {
        /// The action, time and request that it names now.
        now: String,
    },
    /// The line was sealed and is not there.
    Removed,
    /// The line is there between sealed ones and was not sealed with them.
    Added {
        /// The action, time and request that it names.
        now: String,
    },
    /// The line has the text that another line was sealed with, and that one has its.
    Swapped {
        /// The other line's key.
        with: String,
    },
    /// The line's place in the trail of its store is gone.
    NotInStore {
        /// The store.
        store: String,
    },
    /// The seal's content is not what its hash was made of.
    SealChanged,
    /// The seal can't be read.
    SealUnreadable,
    /// Seals are missing before this one.
    SealRemoved {
        /// The first that is missing.
        first: u64,
    },
    /// The seal names another hash for the one before it than that one has.
    SealForeign,
    /// The chain ends before a seal that is known from outside.
    Shortened {
        /// The last seal there is.
        last: u64,
    },
    /// The seal is another than the one known from outside.
    NotAsKnown,
}

impl FlawKind {
    /// A stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "line-changed",
            Self::Removed => "line-removed",
            Self::Added { .. } => "line-added",
            Self::Swapped { .. } => "lines-swapped",
            Self::NotInStore { .. } => "line-not-in-store",
            Self::SealChanged => "seal-changed",
            Self::SealUnreadable => "seal-unreadable",
            Self::SealRemoved { .. } => "seal-removed",
            Self::SealForeign => "seal-foreign",
            Self::Shortened { .. } => "chain-shortened",
            Self::NotAsKnown => "not-as-known",
        }
    }
}

impl Flaw {
    /// What is wrong as a sentence that names the line or the seal.
    #[must_use]
    pub fn bilingual(&self) -> Bilingual {
        let (seal, line) = (self.seal, self.line.as_deref().unwrap_or("?"));
        let (en, zh) = match &self.kind {
            FlawKind::Changed { now } => {
                (format!("line `{line}` was changed; it now says: {now}"), format!("第 `{line}` 行被修改，现为：{now}"))
            }
            FlawKind::Removed => (format!("line `{line}` was removed"), format!("第 `{line}` 行被删除")),
            FlawKind::Added { now } => (
                format!("line `{line}` was added after its place was sealed: {now}"),
                format!("第 `{line}` 行是封存之后插入的：{now}"),
            ),
            FlawKind::Swapped { with } => {
                (format!("lines `{line}` and `{with}` were swapped"), format!("第 `{line}` 行与第 `{with}` 行被对调"))
            }
            FlawKind::NotInStore { store } => (
                format!("line `{line}` was removed from the trail of store `{store}`"),
                format!("第 `{line}` 行已从门店 `{store}` 的审计记录中删除"),
            ),
            FlawKind::SealChanged => (format!("seal {seal} was changed"), format!("第 {seal} 号封条被修改")),
            FlawKind::SealUnreadable => (format!("seal {seal} can't be read"), format!("第 {seal} 号封条无法读取")),
            FlawKind::SealRemoved { first } if first + 1 == seal => {
                (format!("seal {first} was removed"), format!("第 {first} 号封条被删除"))
            }
            FlawKind::SealRemoved { first } => {
                let last = seal.saturating_sub(1);
                (format!("seals {first} to {last} were removed"), format!("第 {first} 至 {last} 号封条被删除"))
            }
            FlawKind::SealForeign => (
                format!("seal {seal} does not follow the one before it: one of the two was replaced"),
                format!("第 {seal} 号封条与前一封条不衔接：二者之一被替换"),
            ),
            FlawKind::Shortened { last } => (
                format!("the chain ends with seal {last}, but seal {seal} is known: its end was removed"),
                format!("链条止于第 {last} 号封条，而第 {seal} 号封条已知：末尾被删除"),
            ),
            FlawKind::NotAsKnown => (
                format!("seal {seal} is not the one that is known: the chain was made anew"),
                format!("第 {seal} 号封条与已知的不符：链条被重新生成"),
            ),
        };
        Bilingual::made(en, zh)
    }
}

/// A line as it was read.
#[derive(Debug, Clone)]
struct Line {
    key: String,
    digest: String,
    says: String,
}

/// A check under way: lines are told in their order, each batch followed by its seal.
#[derive(Debug, Clone)]
pub struct ChainCheck {
    trail: String,
    known: Option<Head>,
    number: u64,
    hash: String,
    pending: Vec<Line>,
    lines: u64,
    flaws: Vec<Flaw>,
    more: u64,
}

impl ChainCheck {
    /// A check of the trail of this name from its beginning, against a head that is known from outside, if any.
    #[must_use]
    pub fn new(trail: String, known: Option<Head>) -> Self {
        let known = known.filter(|known| known.trail == trail && known.seal > 0);
        let (pending, flaws) = (Vec::new(), Vec::new());
        Self { trail, known, number: 0, hash: NO_HASH.to_owned(), pending, lines: 0, flaws, more: 0 }
    }

    /// Goes on behind a seal that a check before this one reached.
    #[must_use]
    pub fn behind(mut self, seal: &Seal) -> Self {
        self.number = seal.number;
        self.hash.clone_from(&seal.hash);
        self
    }

    /// The last seal that was told, 0 before the first.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How many sealed lines were told.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// What is wrong, in the order of the chain.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// How many more flaws there are than are named.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    pub(super) fn find(&mut self, seal: u64, line: Option<&str>, kind: FlawKind) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push(Flaw { seal, line: line.map(str::to_owned), kind });
        } else {
            self.more += 1;
        }
    }

    /// Tells the next line: its key in hexadecimal digits, and its text.
    pub fn line(&mut self, key: &str, text: &[u8]) {
        let says = serde_json::from_slice::<AuditEntry>(text).map_or_else(
            |_| "nothing that can be read".to_owned(),
            |entry| format!("`{}` at {} by request `{}`", entry.action, entry.at, entry.request_id),
        );
        self.pending.push(Line { key: key.to_owned(), digest: sha256(text), says });
    }

    /// A seal is there that can't be read: its lines go unchecked.
    pub fn unreadable(&mut self, number: u64) {
        self.find(number, None, FlawKind::SealUnreadable);
        self.pending.clear();
        self.number = number;
        // Whatever it was, the next one's word for it has to do.
        self.hash.clear();
    }

    /// Tells the next seal, after the lines that lie before its last one.
    pub fn seal(&mut self, seal: &Seal) {
        let number = seal.number;
        let gap = number != self.number + 1;
        if gap {
            self.find(number, None, FlawKind::SealRemoved { first: self.number + 1 });
        } else if seal.previous != self.hash && !self.hash.is_empty() {
            self.find(number, None, FlawKind::SealForeign);
        }
        let changed = seal.computed() != seal.hash || seal.trail != self.trail;
        if changed {
            self.find(number, None, FlawKind::SealChanged);
        }
        if self.known.as_ref().is_some_and(|known| known.seal == number && known.hash != seal.hash) {
            self.find(number, None, FlawKind::NotAsKnown);
        }
        let lines = std::mem::take(&mut self.pending);
        self.lines += lines.len() as u64;
        // What a changed seal says of its lines is nobody's word.
        if !changed {
            self.compare(seal, &lines, gap);
        }
        self.number = number;
        self.hash.clone_from(&seal.hash);
    }

    fn compare(&mut self, seal: &Seal, lines: &[Line], gap: bool) {
        let number = seal.number;
        let sealed: HashMap<&str, &str> = seal.pairs().collect();
        let present: HashMap<&str, &Line> = lines.iter().map(|line| (line.key.as_str(), line)).collect();
        let first = seal.pairs().next().map_or("", |(key, _)| key);
        let mut swapped: Vec<&str> = Vec::new();
        for (key, digest) in seal.pairs() {
            let Some(line) = present.get(key) else {
                self.find(number, Some(key), FlawKind::Removed);
                continue;
            };
            if line.digest == digest || swapped.contains(&key) {
                continue;
            }
            let mut others = seal.pairs().filter(|(other, of)| *of == line.digest && *other != key);
            let partner = others.find(|(other, _)| present.get(other).is_some_and(|with| with.digest == digest));
            match partner {
                Some((other, _)) => {
                    swapped.push(other);
                    self.find(number, Some(key), FlawKind::Swapped { with: other.to_owned() });
                }
                None => self.find(number, Some(key), FlawKind::Changed { now: line.says.clone() }),
            }
        }
        for line in lines {
            // Where seals are gone nobody knows what lay there.
            let known = !gap || line.key.as_str() >= first;
            if known && !sealed.contains_key(line.key.as_str()) {
                self.find(number, Some(&line.key), FlawKind::Added { now: line.says.clone() });
            }
        }
    }

    /// Tells that there is no further seal.
    pub fn end(&mut self) {
        if let Some(known) = self.known.take()
            && known.seal > self.number
        {
            self.find(known.seal, None, FlawKind::Shortened { last: self.number });
        }
    }
}
