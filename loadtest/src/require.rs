//! Requirements on figures: `dm.delivery.p99<50ms`.

use std::str::FromStr;

use anyhow::{Context as _, bail};

use crate::figures::{Figures, Unit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    text: String,
    name: String,
    comparison: Comparison,
    value: f64,
    /// `None`: a plain number, compared with the figure in its own unit.
    unit: Option<Unit>,
}

impl FromStr for Requirement {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let at = text.find(['<', '>']).context("a requirement is written as NAME<VALUE, <=, > or >=")?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) = match (rest.as_bytes()[0], rest.as_bytes().get(1)) {
            (b'<', Some(b'=')) => (Comparison::AtMost, &rest[2..]),
            (b'<', _) => (Comparison::Less, &rest[1..]),
            (_, Some(b'=')) => (Comparison::AtLeast, &rest[2..]),
            (_, _) => (Comparison::More, &rest[1..]),
        };
        let value = value.trim();
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
        let number: f64 = value[..digits].parse().with_context(|| format!("{value:?} has no number"))?;
        let (factor, unit) = match value[digits..].trim() {
            "" => (1.0, None),
            "k" => (1e3, None),
            "us" | "µs" => (1e-6, Some(Unit::Seconds)),
            "ms" => (1e-3, Some(Unit::Seconds)),
            "s" => (1.0, Some(Unit::Seconds)),
            "/s" => (1.0, Some(Unit::PerSecond)),
            "k/s" => (1e3, Some(Unit::PerSecond)),
            "B" => (1.0, Some(Unit::Bytes)),
            "KiB" => (1024.0, Some(Unit::Bytes)),
            "MiB" => (1_048_576.0, Some(Unit::Bytes)),
            other => bail!("{other:?} is not a unit; known are us ms s, /s k/s, B KiB MiB, k"),
        };
        let name = name.trim().to_owned();
        Ok(Self { text: text.to_owned(), name, comparison, value: number * factor, unit })
    }
}

impl std::fmt::Display for Requirement {
    /// As it was written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Requirement {
    /// What is wrong with the figures; `None` when they fulfil it.
    pub fn check(&self, figures: &Figures) -> Option<String> {
        let Some(figure) = figures.get(&self.name) else {
            return Some(format!("{}: there is no such figure in this run", self.text));
        };
        if self.unit.is_some_and(|unit| unit != figure.unit) {
            return Some(format!("{}: the figure is {}, which has another unit", self.text, figure.shown()));
        }
        let holds = match self.comparison {
            Comparison::Less => figure.value < self.value,
            Comparison::AtMost => figure.value <= self.value,
            Comparison::More => figure.value > self.value,
            Comparison::AtLeast => figure.value >= self.value,
        };
        (!holds).then(|| format!("{}: it was {}", self.text, figure.shown()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::of("dm");
        figures.add("delivery.p99", 0.049, Unit::Seconds);
        figures.add("rate", 25_000.0, Unit::PerSecond);
        figures.count("lost", 0);
        figures
    }

    #[test]
    fn compares_in_the_units_that_were_written() {
        let good = [
            "dm.delivery.p99<50ms",
            "dm.delivery.p99 <= 0.049s",
            "dm.rate>=25k/s",
            "dm.lost<1",
            "dm.rate>24k",
        ];
        for text in good {
            assert_eq!(Requirement::from_str(text).expect(text).check(&figures()), None, "{text}");
        }
        let bad = ["dm.delivery.p99<49ms", "dm.rate>25000/s", "dm.lost>0", "dm.other<1", "dm.rate<1ms"];
        for text in bad {
            assert!(Requirement::from_str(text).expect(text).check(&figures()).is_some(), "{text}");
        }
    }

    #[test]
    fn says_what_it_does_not_understand() {
        for text in ["dm.rate", "dm.rate<", "dm.rate<fast", "dm.rate<1parsec"] {
            assert!(Requirement::from_str(text).is_err(), "{text}");
        }
    }
}
