//! Reads settings one by one into typed values, and collects everything that is wrong with them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::layers::{Layers, Problem, find};
use super::units;

/// Reads from layers. A value that is wrong is noted, and the smallest allowed one given in its place, so that one run finds
/// every problem; nothing is started with such values.
pub(crate) struct Reader {
    settings: toml::Table,
    origins: BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
    read: RefCell<BTreeSet<String>>,
}

impl Reader {
    pub(crate) fn new(layers: Layers) -> Self {
        Self {
            settings: layers.settings,
            origins: layers.origins,
            problems: RefCell::new(layers.problems),
            read: RefCell::default(),
        }
    }

    /// Notes that a setting is wrong.
    pub(crate) fn problem(&self, path: &str, text: impl Display) {
        let origin = self.origins.get(path).map_or("a default", String::as_str).to_owned();
        self.problems.borrow_mut().push(Problem { path: path.to_owned(), text: text.to_string(), origin });
    }

    /// Notes that two settings, each fine by itself, do not go together.
    pub(crate) fn conflict(&self, path: &str, other: &str, text: &str) {
        let fine = |path: &str| self.problems.borrow().iter().all(|problem| problem.path != path);
        if fine(path) && fine(other) {
            self.problem(path, format!("{text} {other}"));
        }
    }

    /// Everything noted so far, in order of path.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }

    /// Which settings were read.
    #[cfg(test)]
    pub(crate) fn paths_read(&self) -> BTreeSet<String> {
        self.read.borrow().clone()
    }

    /// Any setting. That it exists and has the default's type was seen to when the layers were laid.
    pub(crate) fn value(&self, path: &str) -> &Value {
        self.read.borrow_mut().insert(path.to_owned());
        find(&self.settings, path).unwrap_or_else(|| unreachable!("{path} is read and has no default"))
    }

    /// A text as it is.
    pub(crate) fn text(&self, path: &str) -> String {
        self.value(path).as_str().unwrap_or_default().to_owned()
    }

    /// A text that must say something.
    pub(crate) fn filled(&self, path: &str) -> String {
        let text = self.text(path);
        if text.trim().is_empty() {
            self.problem(path, "must not be empty");
        }
        text
    }

    /// A whole number within bounds.
    pub(crate) fn whole<N>(&self, path: &str, allowed: RangeInclusive<N>) -> N
    where
        N: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let number = self.value(path).as_integer().unwrap_or_default();
        self.within(path, N::try_from(number).ok(), &allowed, &number)
    }

    /// A size, in bytes, within bounds in bytes.
    pub(crate) fn bytes<N>(&self, path: &str, allowed: RangeInclusive<N>) -> N
    where
        N: Copy + Display + PartialOrd + TryFrom<u64>,
    {
        let text = self.text(path);
        let Some(bytes) = units::bytes(&text) else {
            self.problem(path, format!("{text:?} is no size; write for example \"256KiB\" or \"1MiB\""));
            return *allowed.start();
        };
        self.within(path, N::try_from(bytes).ok(), &allowed, &text)
    }

    /// A duration within bounds.
    pub(crate) fn duration(&self, path: &str, allowed: RangeInclusive<Duration>) -> Duration {
        let text = self.text(path);
        match units::duration(&text) {
            None => {
                self.problem(
                    path,
                    format!("{text:?} is no duration; write for example \"250ms\", \"25s\" or \"15m\""),
                );
                *allowed.start()
            }
            Some(duration) if allowed.contains(&duration) => duration,
            Some(_) => {
                let (least, most) =
                    (units::spell_duration(*allowed.start()), units::spell_duration(*allowed.end()));
                self.problem(path, format!("{text} is not between {least} and {most}"));
                *allowed.start()
            }
        }
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, path: &str, words: &[(&str, T)]) -> T {
        let text = self.text(path);
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return *meaning;
        }
        let allowed: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.problem(path, format!("{text:?} is not one of {}", allowed.join(", ")));
        words[0].1
    }

    /// An address with port to listen at.
    pub(crate) fn address(&self, path: &str) -> SocketAddr {
        let text = self.text(path);
        text.parse().unwrap_or_else(|_| {
            self.problem(
                path,
                format!("{text:?} is no address; write for example \"0.0.0.0:8080\" or \"[::]:8080\""),
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    /// A file; `None` when the text is empty.
    pub(crate) fn path(&self, path: &str) -> Option<PathBuf> {
        let text = self.text(path);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    /// One word of letters, digits, `-` and `_`, as names of subjects and keys are made of.
    pub(crate) fn word(&self, path: &str) -> String {
        let text = self.text(path);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(fits) {
            self.problem(path, "must be up to 32 letters, digits, \"-\" and \"_\"");
        }
        text
    }

    /// True or false.
    pub(crate) fn flag(&self, path: &str) -> bool {
        self.value(path).as_bool().unwrap_or_default()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, path: &str) -> Vec<String> {
        let items = self.value(path).as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if texts.len() != items.len() {
            self.problem(path, "must be a list of texts in quotes");
        }
        texts
    }

    fn within<N>(
        &self,
        path: &str,
        number: Option<N>,
        allowed: &RangeInclusive<N>,
        written: &dyn Display,
    ) -> N
    where
        N: Copy + Display + PartialOrd,
    {
        match number {
            Some(number) if allowed.contains(&number) => number,
            _ => {
                self.problem(
                    path,
                    format!("{written} is not between {} and {}", allowed.start(), allowed.end()),
                );
                *allowed.start()
            }
        }
    }
}
