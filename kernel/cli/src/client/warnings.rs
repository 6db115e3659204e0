//! The header `x-warnings`: extended values (RFC 8187) separated by commas.

/// The warnings of a header.
pub(super) fn read(header: &str) -> Vec<String> {
    let value = |part: &str| decode(part.trim().strip_prefix("UTF-8''").unwrap_or(part.trim()));
    header.split(',').map(value).filter(|text| !text.is_empty()).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let ahead = rest.clone().take(2).map(char::from).collect::<String>();
        match u8::from_str_radix(&ahead, 16) {
            Ok(decoded) if byte == b'%' && ahead.len() == 2 => {
                bytes.push(decoded);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_one_by_one() {
        assert_eq!(read("UTF-8''%E8%BD%A6%E6%9E%B6%E5%8F%B7, UTF-8''odd%2C%20a"), ["车架号", "odd, a"]);
        assert_eq!(read("plain%zz%4"), ["plain%zz%4"]);
        assert!(read("").is_empty());
    }
}
