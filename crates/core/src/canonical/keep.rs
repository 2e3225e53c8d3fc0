//! How long to keep a model loaded, as Ollama's clients say it.

use serde_json::Value;

/// The units of Go's durations, which Ollama reads; in seconds.
const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// `keep_alive` in seconds: a number, or text such as `90s`, `5m`, `1h30m`. Below zero it means "for ever"; `None` where
/// it is neither.
pub(crate) fn seconds(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().or_else(|| duration(text.trim())),
        _ => None,
    }
}

fn duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut sum = None;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = Some(sum.unwrap_or(0.0) + number.parse::<f64>().ok()? * size);
        rest = after;
    }
    sum.map(|sum: f64| sign * sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_go_durations_are_read() {
        for (value, wanted) in [
            (json!(0), Some(0.0)),
            (json!(0.0), Some(0.0)),
            (json!(300), Some(300.0)),
            (json!(-1), Some(-1.0)),
            (json!("0"), Some(0.0)),
            (json!("0s"), Some(0.0)),
            (json!("5m"), Some(300.0)),
            (json!("1h30m"), Some(5400.0)),
            (json!("1.5h"), Some(5400.0)),
            (json!("-1m"), Some(-60.0)),
            (json!("soon"), None),
            (json!("5 m"), None),
            (json!(""), None),
            (json!(null), None),
        ] {
            assert_eq!(seconds(&value), wanted, "{value}");
        }
    }
}
