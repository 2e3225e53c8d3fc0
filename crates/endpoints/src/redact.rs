//! Takes out of a text what looks like a secret.
//!
//! Nobody can tell a secret from another random text for sure. What is taken out: tokens with the beginnings that
//! providers and forges give their keys, credentials behind `Bearer` and `Basic`, values whose name says that they are
//! secret, private keys in PEM, and unbroken runs of letters and digits that are long and mixed, as random ones are.

/// Stands where something was taken out.
const MARK: &str = "[redacted]";

/// How keys begin: OpenAI and Anthropic, Stripe, GitHub, GitLab, Slack, AWS, Google, Hugging Face, Groq, NVIDIA, npm,
/// PyPI, and tokens in JSON (JWT).
const BEGINNINGS: [&str; 22] = [
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "hf_",
    "gsk_",
    "nvapi-",
    "npm_",
    "pypi-",
    "eyJ",
];
/// What begins like a key and is shorter is a word.
const SHORTEST_KEY: usize = 16;
/// From so many mixed letters and digits in a row on it is taken for a random text.
const SHORTEST_RANDOM: usize = 32;

/// Names whose values are secret, in small letters, without `-` and `_`. Not `token`: answers have tokens by that name.
const NAMES: [&str; 16] = [
    "apikey",
    "apitoken",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "clientsecret",
    "secret",
    "secretkey",
    "secretaccesskey",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "privatekey",
];
/// Schemes of `Authorization`.
const SCHEMES: [&str; 2] = ["bearer", "basic"];
/// What stands behind them and is shorter is a word.
const SHORTEST_CREDENTIAL: usize = 8;
/// The most marks between a name and its value: quotes, escaped ones, colons, blanks.
const MOST_BETWEEN: usize = 12;

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_KEY: &str = "PRIVATE KEY-----";
const PEM_END: &str = "-----END ";
/// What may stand before and in `PRIVATE KEY-----`: `RSA`, `EC`, `ENCRYPTED`, `OPENSSH`.
const LONGEST_LABEL: usize = 36;

/// The text without what looks like a secret. Takes time in proportion to the text.
#[must_use]
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PEM_BEGIN) {
        match private_key(&rest[at + PEM_BEGIN.len()..]) {
            Some(behind) => {
                tokens(&rest[..at], &mut out);
                out.push_str(MARK);
                rest = behind;
            }
            None => {
                let (before, behind) = rest.split_at(at + PEM_BEGIN.len());
                tokens(before, &mut out);
                rest = behind;
            }
        }
    }
    tokens(rest, &mut out);
    out
}

/// Copies a text without private keys, token by token.
fn tokens(text: &str, out: &mut String) {
    let mut rest = text;
    // Whether what comes next is the value of a name that says so.
    let mut secret = false;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| is_of_token(*byte)).count();
        if length == 0 {
            let other = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..other]);
            rest = &rest[other..];
            continue;
        }
        let (token, behind) = rest.split_at(length);
        let scheme = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(token));
        if (secret && !scheme) || looks_random(token) {
            out.push_str(MARK);
            rest = if secret { &behind[value_length(behind)..] } else { behind };
            secret = false;
            continue;
        }
        out.push_str(token);
        let value = if scheme {
            behind.strip_prefix(' ').filter(|value| secret || is_credential(value))
        } else if names_secret(token) {
            past_marks(behind)
        } else {
            None
        };
        secret = value.is_some();
        rest = value.unwrap_or(behind);
        out.push_str(&behind[..behind.len() - rest.len()]);
    }
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

fn looks_random(token: &str) -> bool {
    if token.len() >= SHORTEST_KEY && BEGINNINGS.iter().any(|beginning| token.starts_with(beginning)) {
        return true;
    }
    token.split(['-', '_']).any(|run| {
        run.len() >= SHORTEST_RANDOM
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

fn names_secret(token: &str) -> bool {
    let plain = || token.bytes().filter(|byte| !b"-_".contains(byte)).map(|byte| byte.to_ascii_lowercase());
    NAMES.iter().any(|name| plain().eq(name.bytes()))
}

/// What stands behind the marks between a name and its value; `None` where no value follows.
fn past_marks(text: &str) -> Option<&str> {
    let marks = text.bytes().take_while(|byte| b"\"'\\: =\t".contains(byte)).take(MOST_BETWEEN).count();
    let (marks, value) = text.split_at(marks);
    marks.contains([':', '=']).then_some(value)
}

/// How long a value is: it goes to a quote, a blank, or the next member.
fn value_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || "\"'\\,;}])&<>".contains(c)).unwrap_or(text.len())
}

/// Whether what stands behind the word `basic` or `bearer` is no word itself.
fn is_credential(text: &str) -> bool {
    let value = text[..value_length(text)].trim_end_matches(['.', ':', '!', '?']);
    value.len() >= SHORTEST_CREDENTIAL && value.bytes().any(|byte| byte.is_ascii_digit() || b"._/+=~-".contains(&byte))
}

/// What stands behind a private key whose label begins here, if it is one; without an end it goes to the text's end.
fn private_key(label: &str) -> Option<&str> {
    let head = &label.as_bytes()[..label.len().min(LONGEST_LABEL)];
    if !head.windows(PEM_KEY.len()).any(|window| window == PEM_KEY.as_bytes()) {
        return None;
    }
    let Some(end) = label.find(PEM_END) else { return Some("") };
    let last = &label[end..];
    Some(last.find(PEM_KEY).map_or("", |at| &last[at + PEM_KEY.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        for (text, want) in [
            ("my key is sk-proj-abcDEF123456789012345, ok?", "my key is [redacted], ok?"),
            ("curl -H 'Authorization: Bearer abc.def/ghi'", "curl -H 'Authorization: Bearer [redacted]'"),
            (r#"{"api_key": "a b", "n": 1}"#, r#"{"api_key": "[redacted] b", "n": 1}"#),
            (r#"{"Client-Secret":"x/y+z="}"#, r#"{"Client-Secret":"[redacted]"}"#),
            (r#"{"arguments":"{\"password\": \"hunter2\"}"}"#, r#"{"arguments":"{\"password\": \"[redacted]\"}"}"#),
            ("https://x/?api_key=abc&b=c", "https://x/?api_key=[redacted]&b=c"),
            ("ghp_0123456789abcdefghij AKIAIOSFODNN7EXAMPLE", "[redacted] [redacted]"),
            ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "[redacted]"),
            ("Authorization: Basic abc", "Authorization: Basic [redacted]"),
            ("a\\n-----BEGIN RSA PRIVATE KEY-----\\nMII\\n-----END RSA PRIVATE KEY----- b", "a\\n[redacted] b"),
            ("-----BEGIN PRIVATE KEY-----\\nMII", "[redacted]"),
        ] {
            assert_eq!(redact(text), want);
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "The secret is out, a password must have 8 letters. Bearer of bad news, basic understanding.",
            r#"{"model":"meta-llama/Llama-3.1-8B-Instruct-FP8","max_tokens":16,"logprobs":[{"token":"Hello"}]}"#,
            "chatcmpl-7QyqpwdfhqwajicIEznoc6Q47XAyW 0191e0a4-7c1b-7a3e-8f00-0123456789ab",
            "Zażółć gęślą jaźń, -----BEGIN CERTIFICATE----- is not a key; sk-ip",
            "a_function_name_that_is_long_version_2_of_many_words",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "(?s).{0,300}") {
            proptest::prop_assert!(redact(&text).len() <= text.len() * MARK.len());
        }

        #[test]
        fn a_key_does_not_survive_in_any_company(before in "[ -~]{0,40}", key in "[a-zA-Z0-9]{40}1a", after in "[ -~]{0,40}") {
            let text = [&before, " sk-", &key, " ", &after].concat();
            proptest::prop_assert!(!redact(&text).contains(&key));
        }
    }
}
