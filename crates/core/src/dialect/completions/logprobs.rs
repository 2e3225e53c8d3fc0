//! Token probabilities, in the columns that text completions write and in the rows of everybody else.

use serde_json::{Map, Value, json};

/// Columns to rows.
pub(super) fn read(columns: &Value) -> Option<Value> {
    let tokens = columns.get("tokens")?.as_array()?;
    let column = |name: &str| columns.get(name).and_then(Value::as_array);
    let (chances, others) = (column("token_logprobs"), column("top_logprobs"));
    let row = |(i, token): (usize, &Value)| {
        let mut row = json!({"token": token, "logprob": chances.and_then(|list| list.get(i)).unwrap_or(&Value::Null)});
        if let Some(Value::Object(others)) = others.and_then(|list| list.get(i)) {
            row["top_logprobs"] =
                others.iter().map(|(token, chance)| json!({"token": token, "logprob": chance})).collect();
        }
        row
    };
    Some(tokens.iter().enumerate().map(row).collect())
}

/// Rows to columns; `offset` is where the first token stands in the answer, in characters.
pub(super) fn write(rows: &Value, mut offset: usize) -> Value {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut tokens, mut chances, mut others, mut offsets) = (vec![], vec![], vec![], vec![]);
    for row in rows {
        let alternatives = row["top_logprobs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pair = |other: &Value| Some((other["token"].as_str()?.to_owned(), other["logprob"].clone()));
        others.push(Value::Object(alternatives.iter().filter_map(pair).collect::<Map<_, _>>()));
        chances.push(row["logprob"].clone());
        offsets.push(offset);
        offset += row["token"].as_str().unwrap_or_default().chars().count();
        tokens.push(row["token"].clone());
    }
    json!({"tokens": tokens, "token_logprobs": chances, "top_logprobs": others, "text_offset": offsets})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_rows_say_the_same() {
        let columns = json!({
            "tokens": ["a", "bc"], "token_logprobs": [-0.5, -1.0],
            "top_logprobs": [{"a": -0.5, "x": -2.0}, {}], "text_offset": [3, 4],
        });
        let rows = read(&columns).unwrap();
        assert_eq!(rows[0]["top_logprobs"][1], json!({"token": "x", "logprob": -2.0}));
        assert_eq!(write(&rows, 3), columns);
    }
}
