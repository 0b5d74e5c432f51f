//! Layers of settings: the embedded defaults, then files, then the environment; a later layer wins key by key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::{Table, Value};

use super::near;

/// Begins the name of every setting in the environment: `TIDEGATE_<SECTION>__<KEY>`.
const PREFIX: &str = "TIDEGATE_";

/// Something wrong with the configuration: ours to refuse, the operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// `section.key`, or the file that could not be read.
    pub(crate) path: String,
    /// What is wrong and, where it can be known, what to write instead.
    pub(crate) text: String,
    /// Where the value was written.
    pub(crate) origin: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.text, self.origin)
    }
}

/// The settings of all layers, each with where it comes from.
pub(crate) struct Layers {
    /// Sections of settings, complete: the defaults name them all.
    pub(crate) settings: Table,
    /// `section.key` of what a layer over the defaults set, and which.
    pub(crate) origins: BTreeMap<String, String>,
    /// What could not be taken over.
    pub(crate) problems: Vec<Problem>,
}

impl Layers {
    /// Only the defaults. A test proves that they parse.
    pub(crate) fn defaults() -> Self {
        let settings = super::DEFAULTS.parse().expect("the embedded defaults are TOML");
        Self { settings, origins: BTreeMap::new(), problems: Vec::new() }
    }

    /// Lays files over it, in the order given.
    pub(crate) fn with_files(mut self, files: &[PathBuf]) -> Self {
        for file in files {
            let origin = file.display().to_string();
            match std::fs::read_to_string(file) {
                Err(error) => self.problem(&origin, format!("cannot be read: {error}"), "--config"),
                Ok(text) => match text.parse::<Table>() {
                    Err(error) => self.problem(&origin, format!("is not TOML: {error}"), "--config"),
                    Ok(layer) => self.lay(layer, &origin),
                },
            }
        }
        self
    }

    /// Lays environment variables over it.
    pub(crate) fn with_environment(mut self, variables: impl Iterator<Item = (String, String)>) -> Self {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            match rest.to_lowercase().split_once("__") {
                Some((section, key)) => {
                    let value = match self.default_of(section, key) {
                        Some(default) => parse_like(default, &text),
                        // The name is wrong whatever the value is; laying it says so.
                        None => Value::String(String::new()),
                    };
                    let layer = Table::from_iter([(section.to_owned(), one(key, value))]);
                    self.lay(layer, &format!("environment variable {name}"));
                }
                None => self.refuse_single_underscore(&name, rest),
            }
        }
        self
    }

    /// A variable such as `TIDEGATE_LOG_FILTER` would be ignored silently; it can only mean a setting.
    fn refuse_single_underscore(&mut self, name: &str, rest: &str) {
        let flat = |path: &str| path.replace('.', "_").to_uppercase();
        let meant = self.names().find(|path| flat(path) == rest.to_uppercase());
        if let Some(path) = meant {
            let right = format!("{PREFIX}{}", path.replacen('.', "__", 1).to_uppercase());
            self.problem(&path, format!("is written {right}, with two underscores"), name);
        }
    }

    fn lay(&mut self, layer: Table, origin: &str) {
        for (section, content) in layer {
            let Value::Table(content) = content else {
                let advice = near::advice(&section, self.settings.keys().map(String::as_str));
                self.problem(&section, format!("settings belong into a [section]{advice}"), origin);
                continue;
            };
            for (key, value) in content {
                self.set(&section, &key, value, origin);
            }
        }
    }

    fn set(&mut self, section: &str, key: &str, value: Value, origin: &str) {
        let path = format!("{section}.{key}");
        let Some(default) = self.default_of(section, key) else {
            let names: Vec<_> = self.names().collect();
            let advice = near::advice(&path, names.iter().map(String::as_str));
            return self.problem(&path, format!("there is no such setting{advice}"), origin);
        };
        if !default.same_type(&value) {
            let expected = expected(default);
            return self.problem(&path, format!("must be {expected}, not {}", value.type_str()), origin);
        }
        if let Some(Value::Table(section)) = self.settings.get_mut(section) {
            section.insert(key.to_owned(), value);
        }
        self.origins.insert(path, origin.to_owned());
    }

    fn default_of(&self, section: &str, key: &str) -> Option<&Value> {
        self.settings.get(section)?.get(key)
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.settings.iter().flat_map(|(section, content)| {
            let keys = content.as_table().into_iter().flat_map(Table::keys);
            keys.map(move |key| format!("{section}.{key}"))
        })
    }

    fn problem(&mut self, path: &str, text: String, origin: &str) {
        self.problems.push(Problem { path: path.to_owned(), text, origin: origin.to_owned() });
    }
}

fn one(key: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(key.to_owned(), value)]))
}

/// A variable's text as a value of the default's type; as a string when it is none, which is then refused.
fn parse_like(default: &Value, text: &str) -> Value {
    let as_toml = || format!("value = {text}").parse::<Table>().ok()?.remove("value");
    let parsed = match default {
        Value::String(_) => None,
        Value::Array(_) if !text.trim_start().starts_with('[') => Some(Value::Array(
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        )),
        _ => as_toml(),
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn expected(default: &Value) -> &'static str {
    match default {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list in brackets",
        _ => "of the default's type",
    }
}
