//! Layers of settings: the embedded defaults, then files, then the environment; a later layer wins key by key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::{Table, Value};

use super::near;

/// Begins the name of every setting in the environment: `TIDEGATE_<SECTION>__<KEY>`, with two underscores for each dot.
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
    /// The paths of what a layer over the defaults set, and which.
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
                    Ok(layer) => layer.into_iter().for_each(|(key, value)| self.lay(&key, value, &origin)),
                },
            }
        }
        self
    }

    /// Lays environment variables over it.
    pub(crate) fn with_environment(mut self, variables: impl Iterator<Item = (String, String)>) -> Self {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path = rest.to_lowercase().replace("__", ".");
            if !path.contains('.') {
                self.refuse_single_underscore(&name, rest);
                continue;
            }
            let value = match find(&self.settings, &path) {
                Some(default) => parse_like(default, &text),
                // The name is wrong whatever the value is; laying it says so.
                None => Value::String(String::new()),
            };
            self.lay(&path, value, &format!("environment variable {name}"));
        }
        self
    }

    /// A variable such as `TIDEGATE_LOG_FILTER` would be ignored silently; it can only mean a setting.
    fn refuse_single_underscore(&mut self, name: &str, rest: &str) {
        let flat = |path: &str| path.replace('.', "_").to_uppercase();
        let meant = self.names().into_iter().find(|path| flat(path) == rest.to_uppercase());
        if let Some(path) = meant {
            self.problem(&path, format!("is written {}, with two underscores", variable(&path)), name);
        }
    }

    /// Lays a value over the one at `path`; a table goes down to its settings.
    fn lay(&mut self, path: &str, value: Value, origin: &str) {
        let is_section = find(&self.settings, path).map(Value::is_table);
        match value {
            Value::Table(content) if is_section != Some(false) => {
                for (key, value) in content {
                    self.lay(&format!("{path}.{key}"), value, origin);
                }
            }
            _ if is_section == Some(true) => {
                let text = format!("is a section: write [{path}] and its settings below");
                self.problem(path, text, origin);
            }
            _ if !path.contains('.') => {
                let advice = near::advice(path, self.settings.keys().map(String::as_str));
                self.problem(path, format!("settings belong into a [section]{advice}"), origin);
            }
            value => self.set(path, value, origin),
        }
    }

    fn set(&mut self, path: &str, value: Value, origin: &str) {
        let Some(default) = find(&self.settings, path) else {
            let names = self.names();
            let advice = near::advice(path, names.iter().map(String::as_str));
            return self.problem(path, format!("there is no such setting{advice}"), origin);
        };
        if !default.same_type(&value) {
            let expected = expected(default);
            return self.problem(path, format!("must be {expected}, not {}", value.type_str()), origin);
        }
        if let Some((section, key)) = path.rsplit_once('.')
            && let Some(Value::Table(section)) = find_mut(&mut self.settings, section)
        {
            section.insert(key.to_owned(), value);
        }
        self.origins.insert(path.to_owned(), origin.to_owned());
    }

    /// The paths of all settings.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect_names(&self.settings, "", &mut names);
        names
    }

    fn problem(&mut self, path: &str, text: String, origin: &str) {
        self.problems.push(Problem { path: path.to_owned(), text, origin: origin.to_owned() });
    }
}

/// The name of a setting in the environment.
pub(crate) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// The setting or section at a path such as `store.cql.nodes`.
pub(crate) fn find<'a>(settings: &'a Table, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = settings.get(keys.next()?)?;
    keys.try_fold(first, |section, key| section.as_table()?.get(key))
}

fn find_mut<'a>(settings: &'a mut Table, path: &str) -> Option<&'a mut Value> {
    let mut keys = path.split('.');
    let first = settings.get_mut(keys.next()?)?;
    keys.try_fold(first, |section, key| section.as_table_mut()?.get_mut(key))
}

/// The paths of all settings: of everything that is no section.
fn collect_names(section: &Table, path: &str, names: &mut Vec<String>) {
    for (key, value) in section {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) => collect_names(inner, &path, names),
            _ => names.push(path),
        }
    }
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
