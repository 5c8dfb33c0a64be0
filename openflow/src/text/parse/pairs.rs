//! Keys with values: `key`, `key=value`, `key:value`, `key(value)`, `key(value)->rest`, separated by commas or blanks.

use super::ParseError;

/// One key with its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    /// The key.
    pub key: &'a str,
    /// The value, empty when there is none.
    pub value: &'a str,
    /// What follows `->` behind a value in parentheses.
    pub arrow: Option<&'a str>,
}

/// What separates pairs.
const SEPARATORS: &[char] = &[',', ' ', '\t', '\r', '\n'];

/// The length of the text before a separator outside of parentheses.
fn value_length(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && SEPARATORS.contains(&c) => return at,
            _ => {}
        }
    }
    text.len()
}

/// The pairs of a text.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = Result<Pair<'_>, ParseError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(SEPARATORS);
        if rest.is_empty() {
            return None;
        }
        let key_length = rest.find(|c| SEPARATORS.contains(&c) || "=:(".contains(c)).unwrap_or(rest.len());
        let (key, tail) = rest.split_at(key_length);
        let pair = match tail.chars().next() {
            Some('=' | ':') => {
                let (value, after) = tail[1..].split_at(value_length(&tail[1..]));
                rest = after;
                Ok(Pair { key, value, arrow: None })
            }
            Some('(') => {
                let whole = value_length(tail);
                let (whole, after) = tail.split_at(whole);
                rest = after;
                in_parentheses(key, whole)
            }
            _ => {
                rest = tail;
                // Empty, but within the text, as all values are.
                Ok(Pair { key, value: &key[key.len()..], arrow: None })
            }
        };
        if pair.is_err() {
            rest = "";
        }
        Some(pair)
    })
}

/// `(value)` or `(value)->rest`.
fn in_parentheses<'a>(key: &'a str, text: &'a str) -> Result<Pair<'a>, ParseError> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (value, after) = (&text[1..at], &text[at + 1..]);
            let arrow = after.strip_prefix("->");
            if !after.is_empty() && arrow.is_none() {
                return Err(ParseError::new("something after a closing parenthesis", text));
            }
            return Ok(Pair { key, value, arrow });
        }
    }
    Err(ParseError::new("no closing parenthesis", text))
}
