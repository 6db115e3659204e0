//! Which of the two languages a reader prefers.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

/// A language of the kernel's own texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    En,
    Zh,
}

/// Ranges of one header that are looked at.
const RANGES_MAX: usize = 32;

impl Language {
    /// The language tag, as headers and labels have it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// The language with the highest quality of those that are spoken here, the earlier one among equals; English when none is asked for.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
        let mut best: Option<(Self, u16)> = None;
        for range in lines.flat_map(|line| line.split(',')).take(RANGES_MAX) {
            let mut parts = range.split(';').map(str::trim);
            let (Some(language), quality) = (Self::spoken(parts.next().unwrap_or_default()), quality(parts)) else {
                continue;
            };
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((language, quality));
            }
        }
        best.map_or(Self::En, |(language, _)| language)
    }

    fn spoken(range: &str) -> Option<Self> {
        let primary = range.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Zh)
        } else if primary.eq_ignore_ascii_case("en") || range == "*" {
            Some(Self::En)
        } else {
            None
        }
    }
}

/// The quality of a range in thousandths. One that can't be read counts as none, so that it never wins.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let Some(text) = parameters.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")))
    else {
        return 1_000;
    };
    match text.parse::<f32>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1_000.0) as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_highest_quality_is_taken() {
        let cases = [
            (None, "en"),
            (Some(""), "en"),
            (Some("zh"), "zh-CN"),
            (Some("zh-Hans-CN, en;q=0.8"), "zh-CN"),
            (Some("en;q=0.8, ZH-cn;q=0.9"), "zh-CN"),
            (Some("fr, de;q=0.9, zh;q=0.1"), "zh-CN"),
            (Some("en, zh"), "en"),
            (Some("zh, en"), "zh-CN"),
            (Some("zh;q=0, en;q=0.001"), "en"),
            (Some("zh;q=0"), "en"),
            (Some("*, zh;q=0.5"), "en"),
            (Some("zh;q=2"), "en"),
            (Some("zh;q=nan"), "en"),
            (Some("fr"), "en"),
        ];
        for (header, language) in cases {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
            }
            assert_eq!(Language::preferred(&headers).tag(), language, "{header:?}");
        }
    }
}
