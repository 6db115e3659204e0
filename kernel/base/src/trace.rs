//! W3C Trace Context: to which trace a piece of work belongs, and which span began it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place in a trace from which work goes on, as a `traceparent` header tells it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    /// The trace; not all zeros.
    pub trace: [u8; 16],
    /// The span that the work is part of; not all zeros.
    pub span: [u8; 8],
    /// Whether somebody records the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` (W3C Trace Context §3.2): `00-<32 digits>-<16 digits>-<2 digits>`, later versions with more behind. None for what
    /// is none, which the standard says to pass over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let ([version], [flags]) = (digits::<1>(version)?, digits::<1>(flags)?);
        let refused = version == 0xff || version == 0 && parts.next().is_some();
        let (trace, span) = (digits(trace)?, digits(span)?);
        let known = trace != [0; 16] && span != [0; 8] && !refused;
        known.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

impl TraceContext {
    /// The trace's id in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Bytes of lower-case hexadecimal digits, exactly as many as there are.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(if self.sampled { "-01" } else { "-00" })
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a traceparent")
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for flags in ["00", "01"] {
            let text = format!("00-{trace}-b7ad6b7169203331-{flags}");
            let context = TraceContext::parse(&text).unwrap();
            assert_eq!((context.to_string(), context.sampled), (text, flags == "01"));
        }
        let good = format!("00-{trace}-b7ad6b7169203331-01");
        assert!(TraceContext::parse(&format!("01-{trace}-b7ad6b7169203331-03-more")).unwrap().sampled);
        for bad in [
            "".to_owned(),
            trace.to_owned(),
            format!("{good}-more"),
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{trace}-b7ad6b71692033311-1"),
            good.to_uppercase(),
        ] {
            assert_eq!(TraceContext::parse(&bad), None, "{bad}");
        }
    }
}
