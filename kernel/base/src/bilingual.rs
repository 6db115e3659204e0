//! Texts that people read, in the two languages of the kernel.

use std::borrow::Cow;
use std::fmt;

/// A text in English and in Chinese: a rule, or a reason. Both stand side by side where the rule is, so that neither is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bilingual {
    /// The text in English.
    pub en: Cow<'static, str>,
    /// The text in Chinese.
    pub zh: Cow<'static, str>,
}

impl Bilingual {
    /// A text that is always the same.
    #[must_use]
    pub const fn fixed(en: &'static str, zh: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), zh: Cow::Borrowed(zh) }
    }

    /// A text made for the case at hand.
    #[must_use]
    pub fn made(en: String, zh: String) -> Self {
        Self { en: Cow::Owned(en), zh: Cow::Owned(zh) }
    }

    /// A text around this one, such as the place that it is about.
    #[must_use]
    pub fn around(&self, en: impl FnOnce(&str) -> String, zh: impl FnOnce(&str) -> String) -> Self {
        Self::made(en(&self.en), zh(&self.zh))
    }

    /// The text in `language`: Chinese for `zh` and its regions, else English.
    #[must_use]
    pub fn text(&self, language: &str) -> &str {
        if language == "zh" || language.starts_with("zh-") { &self.zh } else { &self.en }
    }
}

impl fmt::Display for Bilingual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_the_language_asked_for() {
        let text = Bilingual::fixed("is required", "必填");
        for (language, read) in [("zh", "必填"), ("zh-CN", "必填"), ("en", "is required"), ("zhx", "is required")] {
            assert_eq!(text.text(language), read);
        }
        let whole = text.around(|text| format!("`a` {text}"), |text| format!("`a` {text}"));
        assert_eq!((whole.to_string().as_str(), &*whole.zh), ("`a` is required", "`a` 必填"));
    }
}
