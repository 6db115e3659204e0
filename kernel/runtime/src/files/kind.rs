//! What kind of file some bytes are. Names and what clients say of a file count for nothing.

/// The kind of bytes that no known kind begins with.
const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// The media type of a file that begins with `head`; `whole` where nothing comes behind.
pub(super) fn of(head: &[u8], whole: bool) -> &'static str {
    if let Some(kind) = infer::get(head) {
        return kind.mime_type();
    }
    if is_text(head, whole) { TEXT } else { BYTES }
}

fn is_text(head: &[u8], whole: bool) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may go on behind the head.
        Err(error) if !whole && error.error_len().is_none() => {
            head.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_first_bytes() {
        let png = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];
        assert_eq!(of(&png, false), "image/png");
        assert_eq!(of(b"%PDF-1.7\n", false), "application/pdf");
        assert_eq!(of(&[0xFF, 0xD8, 0xFF, 0xE0], false), "image/jpeg");
        assert_eq!(of("发动机异响\n".as_bytes(), true), TEXT);
        assert_eq!(of(&"机".as_bytes()[..2], false), BYTES, "no whole character yet");
        assert_eq!(of(&"发动机".as_bytes()[..8], false), TEXT, "cut within a character");
        assert_eq!(of(&"发动机".as_bytes()[..8], true), BYTES, "ends within a character");
        assert_eq!(of(b"", true), BYTES);
        assert_eq!(of(&[0, 1, 2, 3], true), BYTES);
        assert_eq!(of(b"<!DOCTYPE html><script>", true), "text/html", "told as it is, and never shown in a page");
    }
}
