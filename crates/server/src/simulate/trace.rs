//! Recorded calls: JSON lines, among them those that the router writes as its own log.

use jiff::Timestamp;
use llm_router_balancer::{Demand, sim::Call};
use llm_router_core::problem::{Problem, Problems};
use serde_json::Value;

/// The most calls of a trace.
const MOST: usize = 1_000_000;
/// Lines that are complained about; whoever wrote these knows what is wrong with the rest.
const TOLD: usize = 10;
/// The longest prompt or answer, in tokens.
const LONGEST: u64 = 10_000_000;

/// What a line is.
enum Line {
    Call(Call),
    /// A call of another model, or something else that stands in a log.
    Other,
    /// A call that nobody counted the tokens of.
    Uncounted,
}

/// Reads the calls of a trace, those of `model` alone where one is given; also returns what is odd.
pub(super) fn read(text: &str, origin: &str, model: Option<&str>) -> Result<(Vec<Call>, Vec<Problem>), Problems> {
    let (mut calls, mut problems, mut uncounted) = (Vec::new(), Vec::new(), 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{origin}:{}", number + 1);
        match parse(line, model) {
            Ok(Line::Call(call)) if calls.len() < MOST => calls.push(call),
            Ok(Line::Call(_)) => {
                problems.push(Problem::new(place(), format!("a trace has at most {MOST} calls")));
                break;
            }
            Ok(Line::Other) => {}
            Ok(Line::Uncounted) => uncounted += 1,
            Err(message) if problems.len() < TOLD => problems.push(Problem::new(place(), message)),
            Err(_) => break,
        }
    }
    if problems.is_empty() && calls.is_empty() {
        let of = model.map(|model| format!(" of the model {model:?}")).unwrap_or_default();
        let problem = Problem::new(origin, format!("has no call{of} whose tokens were counted"));
        problems.push(problem.hint("llm-router simulate --help says what a line must have"));
    }
    if !problems.is_empty() {
        return Err(Problems { problems, warnings: Vec::new() });
    }
    let first = calls.iter().map(|call| call.at).fold(f64::INFINITY, f64::min);
    calls.iter_mut().for_each(|call| call.at -= first);
    let left_out = format!("{uncounted} calls are left out: nobody counted their tokens");
    Ok((calls, (uncounted > 0).then(|| Problem::new(origin, left_out)).into_iter().collect()))
}

fn parse(line: &str, wanted: Option<&str>) -> Result<Line, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("is not JSON: {error}"))?;
    if !value.is_object() {
        return Err("is no JSON object".to_owned());
    }
    let of_other = |model: &Value| wanted.is_some_and(|wanted| model.as_str().is_some_and(|model| model != wanted));
    if of_other(&value["model"]) {
        return Ok(Line::Other);
    }
    // A line of the router's log; what is no request has no target `access`.
    if !value["timestamp"].is_null() {
        return if value["target"] == "access" { logged(&value) } else { Ok(Line::Other) };
    }
    let at = value["at"].as_f64().filter(|at| at.is_finite()).ok_or("`at` must be a number of seconds")?;
    let (prompt, output) = (tokens(&value, "prompt")?, tokens(&value, "output")?);
    Ok(Line::Call(Call { at, prompt, output, model: 0, conversation: conversation(&value)? }))
}

/// A request as the router logged it: it began so much before its line was written.
fn logged(value: &Value) -> Result<Line, String> {
    if value["model"].is_null() {
        return Ok(Line::Other);
    }
    if value["tokens_in"].is_null() || value["tokens_out"].is_null() {
        return Ok(Line::Uncounted);
    }
    let end: Option<Timestamp> = value["timestamp"].as_str().and_then(|text| text.parse().ok());
    let end = end.ok_or("`timestamp` must be a time as RFC 3339 has it")?;
    let took = value["took_ms"].as_f64().filter(|took| took.is_finite()).ok_or("`took_ms` must be a number")?;
    let at = end.as_millisecond() as f64 / 1e3 - took / 1e3;
    let (prompt, output) = (tokens(value, "tokens_in")?, tokens(value, "tokens_out")?);
    Ok(Line::Call(Call { at, prompt, output, model: 0, conversation: None }))
}

fn tokens(value: &Value, field: &str) -> Result<u32, String> {
    let count = value[field].as_u64().filter(|count| *count <= LONGEST);
    let count = count.ok_or_else(|| format!("`{field}` must be a whole number of tokens up to {LONGEST}"))?;
    u32::try_from(count).map_err(|error| error.to_string())
}

fn conversation(value: &Value) -> Result<Option<u64>, String> {
    match &value["conversation"] {
        Value::Null => Ok(None),
        Value::String(name) => Ok(Some(Demand::key_of(name))),
        Value::Number(number) => Ok(Some(Demand::key_of(&number.to_string()))),
        _ => Err("`conversation` must be a text or a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_lines_and_those_of_the_log_are_calls() {
        let text = r#"
            {"at": 12.5, "prompt": 800, "output": 200, "model": "m", "conversation": "c-1"}
            {"at": 10, "prompt": 1, "output": 0, "model": "other"}
            {"at": 10, "prompt": 5, "output": 6}
            {"timestamp":"2026-01-01T00:00:00.000Z","level":"INFO","target":"llm_router","message":"serves"}
        "#;
        let (calls, warnings) = read(text, "t", Some("m")).unwrap();
        assert_eq!(warnings, []);
        let seen: Vec<_> = calls.iter().map(|call| (call.at, call.prompt, call.output)).collect();
        assert_eq!(seen, [(2.5, 800, 200), (0.0, 5, 6)]);
        assert_eq!(calls[0].conversation, Some(Demand::key_of("c-1")));
        assert_eq!(read(text, "t", None).unwrap().0.len(), 3, "all models where none is named");

        let log = r#"{"timestamp":"2026-01-01T00:00:10.500Z","target":"access","model":"m","tokens_in":7,"tokens_out":9,"took_ms":500.0}
{"timestamp":"2026-01-01T00:00:10.700Z","target":"access","model":"m","tokens_in":8,"tokens_out":1,"took_ms":1000.5}
{"timestamp":"2026-01-01T00:00:11.000Z","target":"access","model":"m","took_ms":1.0}
{"timestamp":"2026-01-01T00:00:11.000Z","target":"access","route":"/livez","took_ms":1.0}"#;
        let (calls, warnings) = read(log, "t", Some("m")).unwrap();
        assert!((calls[0].at - 0.3005).abs() < 1e-3 && calls[1].at == 0.0, "by when they began: {calls:?}");
        assert_eq!(warnings[0].message, "1 calls are left out: nobody counted their tokens");
    }

    #[test]
    fn what_is_no_call_is_named_with_its_line() {
        for (text, said) in [
            ("nonsense", "t:1: is not JSON"),
            ("\n[1]", "t:2: is no JSON object"),
            (r#"{"prompt":1,"output":1}"#, "t:1: `at` must be a number of seconds"),
            (r#"{"at":0,"prompt":-1,"output":1}"#, "t:1: `prompt` must be a whole number of tokens"),
            (r#"{"at":0,"prompt":1,"output":99999999999}"#, "`output` must be a whole number of tokens up to 10000000"),
            (r#"{"at":0,"prompt":1,"output":1,"conversation":[]}"#, "`conversation` must be a text or a number"),
            (r#"{"timestamp":"soon","target":"access","model":"m","tokens_in":1,"tokens_out":1}"#, "RFC 3339"),
            (r#"{"at":0,"prompt":1,"output":1,"model":"other"}"#, "t: has no call of the model \"m\""),
            ("", "t: has no call of the model \"m\""),
        ] {
            let problems = read(text, "t", Some("m")).unwrap_err().to_string();
            assert!(problems.contains(said), "{text}: {problems}");
        }
        let many = "nonsense\n".repeat(1_000);
        assert_eq!(read(&many, "t", None).unwrap_err().problems.len(), TOLD);
    }
}
