//! Fragments of text: what a text index holds, and what is looked up in it.

use std::collections::BTreeSet;

use pinyin::ToPinyin;

use crate::limits::FRAGMENT_CHARACTERS;

/// Text as text indexes hold it: lower case, full-width forms as plain ones, without blanks.
pub(crate) fn normalised(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
            c => c,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// What to look up in a text index for something that a person typed: entries begin with it, or it has no entry.
#[must_use]
pub fn search_fragment(typed: &str) -> String {
    prefix(&normalised(typed)).to_owned()
}

fn prefix(text: &str) -> &str {
    let end = text.char_indices().nth(FRAGMENT_CHARACTERS).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// The initials of Chinese text, other letters and digits as they are; none where nothing is Chinese.
fn initials(text: &str) -> Option<String> {
    let mut chinese = false;
    let mut letters = String::new();
    for c in text.chars() {
        if let Some(pinyin) = c.to_pinyin() {
            chinese = true;
            letters.extend(pinyin.plain().chars().next());
        } else if c.is_alphanumeric() {
            letters.push(c);
        }
    }
    chinese.then_some(letters)
}

/// Collects the fragments of several texts, the beginnings of all before the later parts of any.
pub(crate) struct Fragments {
    texts: Vec<String>,
    room: usize,
}

impl Fragments {
    pub(crate) fn new(room: usize) -> Self {
        Self { texts: Vec::new(), room }
    }

    pub(crate) fn add(&mut self, text: &str) {
        if self.texts.len() < self.room && !text.is_empty() {
            self.texts.push(text.to_owned());
            self.texts.extend(initials(text).filter(|letters| letters != text));
        }
    }

    pub(crate) fn finish(self) -> BTreeSet<String> {
        let mut fragments = BTreeSet::new();
        let mut rests: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        while !rests.is_empty() {
            for rest in &mut rests {
                if fragments.len() >= self.room {
                    return fragments;
                }
                fragments.insert(prefix(rest).to_owned());
                let mut chars = rest.chars();
                chars.next();
                *rest = chars.as_str();
            }
            rests.retain(|rest| !rest.is_empty());
        }
        fragments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments(texts: &[&str], room: usize) -> Vec<String> {
        let mut fragments = Fragments::new(room);
        texts.iter().for_each(|text| fragments.add(&normalised(text)));
        fragments.finish().into_iter().collect()
    }

    #[test]
    fn chinese_text_is_found_by_characters_and_by_initials() {
        let found = fragments(&["王 小明"], 64);
        for expected in ["王小明", "小明", "明", "wxm", "xm", "m"] {
            assert!(found.contains(&expected.to_owned()), "{expected} in {found:?}");
        }
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn plates_are_found_by_their_digits_in_any_case_and_width() {
        assert!(fragments(&["沪B0K123"], 64).contains(&search_fragment("0k1").to_owned().replace("0k1", "0k123")));
        assert_eq!(search_fragment(" ０Ｋ１ "), "0k1");
    }

    #[test]
    fn beginnings_come_before_later_parts_where_room_is_short() {
        let found = fragments(&["abcdef", "xyz"], 3);
        assert_eq!(found, ["abcdef", "bcdef", "xyz"]);
        assert!(fragments(&["abc"], 0).is_empty());
    }

    #[test]
    fn fragments_are_short() {
        let long = "x".repeat(100);
        assert!(fragments(&[&long], 64).iter().all(|text| text.chars().count() <= FRAGMENT_CHARACTERS));
        assert_eq!(search_fragment(&long).len(), FRAGMENT_CHARACTERS);
    }
}
