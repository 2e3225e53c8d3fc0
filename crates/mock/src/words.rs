//! The mock's tokens: words with the space before them, long words in pieces. Counts are the same everywhere.

/// Characters in the longest token.
const LONGEST: usize = 12;

/// Splits a text into tokens; joined, they are the text again.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut chars, mut in_word) = (0, 0, false);
    for (at, c) in text.char_indices() {
        let space = c.is_whitespace();
        if (space && in_word) || chars >= LONGEST {
            found.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        in_word = !space;
        chars += 1;
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> usize {
    tokens(text).len()
}

/// A number that depends on every byte of a text (FNV-1a), the same on every run.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_the_text() {
        for text in
            ["", "one", "You said: hi  there\n\nfriend ", "zażółć gęślą jaźń 你好世界", "aaaaaaaaaaaaaaaaaaaaaaaaaaa b"]
        {
            assert_eq!(tokens(text).concat(), text);
            assert!(tokens(text).iter().all(|token| token.chars().count() <= LONGEST));
        }
        assert_eq!(tokens("You said: hi"), ["You", " said:", " hi"]);
    }
}
