//! Names as Redis sees them: hashed, so that no host or model can be read there, and short.

/// A resource or a model: 64-bit hash of its name, equal in every process and every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(pub(super) u64);

impl Name {
    pub(super) fn of(text: &str) -> Self {
        Self(hash(text.as_bytes()))
    }

    pub(super) fn parse(hex: &str) -> Option<Self> {
        u64::from_str_radix(hex, 16).ok().map(Self)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The line of those who want the same model in the same mode and would take the same resources, in whatever order:
/// they can take each other's place.
pub(super) fn line(model: Name, residency: bool, candidates: &[(Name, u32)]) -> Name {
    let mut parts = candidates.to_vec();
    parts.sort_unstable();
    let mut bytes = model.0.to_le_bytes().to_vec();
    bytes.push(u8::from(residency));
    for (resource, capacity) in parts {
        bytes.extend(resource.0.to_le_bytes());
        bytes.extend(capacity.to_le_bytes());
    }
    Name(hash(&bytes))
}

/// FNV-1a, 64 bits, with the finish of `MurmurHash3`: short names differ in every bit.
fn hash(bytes: &[u8]) -> u64 {
    let mut state = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |state, &byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        state = (state ^ (state >> 33)).wrapping_mul(factor);
    }
    state ^ (state >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_for_ever() {
        assert_eq!(Name::of("").to_string(), "efd01f60ba992926");
        assert_eq!(Name::of("a"), Name::of("a"));
        assert_ne!(Name::of("a"), Name::of("b"));
        assert_eq!(Name::parse(&Name::of("host").to_string()), Some(Name::of("host")));
        assert_eq!(Name::parse("no hash"), None);
    }
}
