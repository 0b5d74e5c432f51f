//! `tidegate print-config`: the settings in force, in the shape of the default file with its comments, secrets hidden.

use std::fmt::Write;

use toml::{Table, Value};

use super::layers::{Layers, find};

const HIDDEN: &str = "(hidden)";

/// The default file with every value replaced by the one in force; a changed one says where it comes from.
pub(crate) fn print(layers: &Layers) -> String {
    let mut printed = String::new();
    let mut section = String::new();
    for line in super::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        }
        let key = line.split_once(" = ").map(|(key, _)| key).filter(|key| !key.starts_with('#'));
        let setting = key.and_then(|key| Some((key, find(&layers.settings, &format!("{section}.{key}"))?)));
        let Some((key, value)) = setting else {
            let _ = writeln!(printed, "{line}");
            continue;
        };
        let origin = layers.origins.get(&format!("{section}.{key}"));
        let origin = origin.map(|origin| format!("  # from {origin}")).unwrap_or_default();
        let _ = writeln!(printed, "{key} = {}{origin}", without_secrets(key, value));
    }
    printed
}

/// The value in one line, with every secret in it replaced.
fn without_secrets(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() && is_secret(key) => Value::from(HIDDEN),
        Value::String(text) => Value::from(without_credentials(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| without_secrets(key, item)).collect()),
        Value::Table(table) => {
            let hidden = table.iter().map(|(key, value)| (key.clone(), without_secrets(key, value)));
            Value::Table(hidden.collect::<Table>())
        }
        other => other.clone(),
    }
}

/// Settings that hold a secret end with one of these words; what ends with `_file` only says where one is.
fn is_secret(key: &str) -> bool {
    ["secret", "password", "token", "seed"].iter().any(|word| key.ends_with(word))
}

/// A URL without the name and password that may stand before its host.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((credentials, _)) => format!("{scheme}://{HIDDEN}{}", &rest[credentials.len()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_print_as_themselves() {
        assert_eq!(print(&Layers::defaults()), crate::config::DEFAULTS);
    }

    #[test]
    fn credentials_in_urls_are_hidden() {
        assert_eq!(without_credentials("https://a:b@host/x@y"), "https://(hidden)@host/x@y");
        assert_eq!(without_credentials("https://host/x@y"), "https://host/x@y");
        assert_eq!(without_credentials("plain@text"), "plain@text");
    }
}
