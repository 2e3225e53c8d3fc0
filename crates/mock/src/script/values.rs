//! The words of a script: splitting a text into directives, and reading times, numbers and places.

use std::{str::FromStr, time::Duration};

use super::{ScriptError, plan::Point};

/// Splits a script into names and values. A bare name has the empty value.
pub(super) fn split(text: &str) -> Result<Vec<(String, String)>, ScriptError> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ';').is_some() {}
        let mut word = String::new();
        let mut name = None;
        if chars.peek().is_none() {
            return Ok(found);
        }
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != ';') {
            match c {
                '=' if name.is_none() => name = Some(std::mem::take(&mut word)),
                '"' => quoted(&mut chars, &mut word).ok_or_else(|| ScriptError::Quote(text.to_owned()))?,
                c => word.push(c),
            }
        }
        match name {
            Some(name) => found.push((name, word)),
            None => found.push((word, String::new())),
        }
    }
}

fn quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => match chars.next()? {
                'n' => word.push('\n'),
                c => word.push(c),
            },
            c => word.push(c),
        }
    }
}

/// A number with nothing around it.
pub(super) fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| "not a whole number in range".to_owned())
}

/// `20us`, `5ms`, `1.5s`, `2m` or `0`.
pub(super) fn time(value: &str) -> Result<Duration, String> {
    if value == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_at = value.find(|c: char| c.is_ascii_alphabetic()).ok_or("a time needs a unit")?;
    let (digits, unit) = value.split_at(unit_at);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a time is in us, ms, s or m".to_owned()),
    };
    let amount: f64 = digits.parse().map_err(|_| "not a number before the unit")?;
    let seconds = amount * scale;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("a time lies between 0 and one day".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// `N`, `body:N`, `event:N`, `wire:N` or `end`.
pub(super) fn point(value: &str) -> Result<Point, String> {
    if value == "end" {
        return Ok(Point::End);
    }
    match value.split_once(':') {
        None => number(value).map(Point::Body),
        Some(("body", n)) => number(n).map(Point::Body),
        Some(("event", n)) => number(n).map(Point::Event),
        Some(("wire", n)) => number(n).map(Point::Wire),
        Some(_) => Err("not a place in the answer".to_owned()),
    }
}

/// No value at all.
pub(super) fn nothing(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { Err("takes no value".to_owned()) }
}

/// One of several words.
pub(super) fn one_of<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, String> {
    words
        .iter()
        .find(|(word, _)| *word == value)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| "not one of the words".to_owned())
}
