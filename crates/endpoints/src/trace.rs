//! The place of a request in a distributed trace, as the header `traceparent` tells it (W3C Trace Context, level 1).

/// Which trace a request belongs to, and which span is the router's own in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace, never zero.
    pub id: u128,
    /// The caller's span; `None` where the trace begins here.
    pub parent: Option<u64>,
    /// The router's span, never zero.
    pub span: u64,
    /// Whether the caller, or whoever began the trace, wants it recorded.
    pub sampled: bool,
}

impl Trace {
    /// Goes on with a caller's trace; `None` when the header is not one. `span` must not be zero.
    #[must_use]
    pub fn follow(header: &str, span: u64) -> Option<Self> {
        let (version, rest) = (header.get(..2)?, header.get(2..)?);
        let known = version == "00";
        // A later version may have more fields behind these, after a dash (section 4.3).
        let whole =
            if known { header.len() == 55 } else { header.len() == 55 || header.as_bytes().get(55) == Some(&b'-') };
        if !whole || version == "ff" || hexadecimal(version).is_none() || !rest.starts_with('-') {
            return None;
        }
        let dashes = header.as_bytes()[35] == b'-' && header.as_bytes()[52] == b'-';
        let id = hexadecimal(header.get(3..35)?).filter(|id| dashes && *id != 0)?;
        let parent = hexadecimal(header.get(36..52)?).filter(|parent| *parent != 0)?;
        let flags = hexadecimal(header.get(53..55)?)?;
        Some(Self { id, parent: u64::try_from(parent).ok(), span, sampled: flags & 1 == 1 })
    }

    /// Begins a trace. Neither number may be zero.
    #[must_use]
    pub fn begin(id: u128, span: u64, sampled: bool) -> Self {
        Self { id, parent: None, span, sampled }
    }

    /// The header for whoever is asked next: the router's span is its parent.
    #[must_use]
    pub fn header(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.id, self.span, u8::from(self.sampled))
    }
}

/// Lower-case digits alone: the standard allows no others.
fn hexadecimal(text: &str) -> Option<u128> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digits { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_our_own() {
        let trace = Trace::follow(GOOD, 7).unwrap();
        assert_eq!(trace.parent, Some(0xb7ad_6b71_6920_3331));
        assert_eq!(trace.header(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
        assert!(!Trace::follow(&GOOD.replace("-01", "-00"), 7).unwrap().sampled);
        assert!(Trace::follow("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", 7).is_some());
    }

    #[test]
    fn what_is_not_a_trace_is_none() {
        for bad in [
            "",
            "00",
            "ü0-aaaa",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::follow(bad, 7), None, "{bad}");
        }
    }
}
