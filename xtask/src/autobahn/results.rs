//! What the suite found, case by case.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As the standard demands.
    Ok,
    /// Allowed, but not what the suite prefers.
    NonStrict,
    /// The suite only tells what happened.
    Informational,
    /// The server declined an extension that the case is about.
    Unimplemented,
    /// Against the standard.
    Failed,
}

/// The results of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    suite: String,
    /// By the numbers of its name: of the messages, and of the close handshake.
    cases: BTreeMap<Vec<u32>, (Verdict, Verdict)>,
}

impl Verdict {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Ok, "OK"),
        (Self::NonStrict, "NON-STRICT"),
        (Self::Informational, "INFORMATIONAL"),
        (Self::Unimplemented, "UNIMPLEMENTED"),
        (Self::Failed, "FAILED"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(verdict, _)| *verdict == self).map_or("FAILED", |(_, name)| name)
    }

    /// What is not known is a failure: "WRONG CODE", "UNCLEAN" and others.
    fn read(value: &Value) -> Self {
        Self::ALL.iter().find(|(_, name)| value == name).map_or(Self::Failed, |(verdict, _)| *verdict)
    }
}

impl Results {
    /// Out of the `index.json` that the suite writes.
    pub fn of_report(suite: &str, report: &str) -> anyhow::Result<Self> {
        let report: Value = serde_json::from_str(report).context("the suite's report")?;
        let agents = report.as_object().context("the suite's report is no object")?;
        let Some(cases) = agents.values().next() else { bail!("the suite's report is empty") };
        Self::read(suite, cases, ["behavior", "behaviorClose"])
    }

    /// Out of docs/autobahn.json.
    pub fn of_document(document: &str) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_str(document).context("docs/autobahn.json")?;
        let suite = document["suite"].as_str().context("which suite")?;
        Self::read(suite, &document["cases"], ["messages", "close"])
    }

    fn read(suite: &str, cases: &Value, [messages, close]: [&str; 2]) -> anyhow::Result<Self> {
        let cases = cases.as_object().context("cases by name")?;
        let read = |(name, case): (&String, &Value)| {
            let numbers: Result<Vec<u32>, _> = name.split('.').map(str::parse).collect();
            let verdicts = (Verdict::read(&case[messages]), Verdict::read(&case[close]));
            Ok((numbers.with_context(|| format!("{name} is no case"))?, verdicts))
        };
        let cases = cases.iter().map(read).collect::<anyhow::Result<_>>()?;
        Ok(Self { suite: suite.to_owned(), cases })
    }

    /// The names of the cases, in order.
    pub fn names(&self) -> Vec<String> {
        self.cases.keys().map(|numbers| spelled(numbers)).collect()
    }

    /// The names of the cases with this verdict about messages or about the close handshake.
    pub fn with(&self, verdict: Verdict) -> Vec<String> {
        let found =
            self.cases.iter().filter(|(_, (messages, close))| *messages == verdict || *close == verdict);
        found.map(|(numbers, _)| spelled(numbers)).collect()
    }

    /// How many of each.
    pub fn summary(&self) -> String {
        let count = |wanted: Verdict| self.cases.values().filter(|(messages, _)| *messages == wanted).count();
        let counts = Verdict::ALL.map(|(verdict, name)| format!("{} {name}", count(verdict)));
        format!("{}: {} cases: {}", self.suite, self.cases.len(), counts.join(", "))
    }

    /// As it is kept: one line for each case, in order, without what changes from run to run.
    pub fn document(&self) -> anyhow::Result<String> {
        let lines = self.cases.iter().map(|(numbers, (messages, close))| {
            let verdicts = json!({"messages": messages.name(), "close": close.name()});
            format!("    {}: {verdicts}", json!(spelled(numbers)))
        });
        let lines: Vec<_> = lines.collect();
        Ok(format!(
            "{{\n  \"suite\": {},\n  \"cases\": {{\n{}\n  }}\n}}\n",
            json!(self.suite),
            lines.join(",\n")
        ))
    }
}

fn spelled(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"tidegate": {
        "10.1.1": {"behavior": "OK", "behaviorClose": "OK", "duration": 3},
        "6.4.1": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
        "7.1.1": {"behavior": "OK", "behaviorClose": "UNCLEAN"}
    }}"#;

    #[test]
    fn a_report_is_kept_in_order_and_read_again() {
        let results = Results::of_report("suite==1", REPORT).unwrap();
        assert_eq!(results.names(), ["6.4.1", "7.1.1", "10.1.1"]);
        assert_eq!(results.with(Verdict::NonStrict), ["6.4.1"]);
        assert_eq!(results.with(Verdict::Failed), ["7.1.1"], "what is not known is a failure");
        let document = results.document().unwrap();
        assert_eq!(document.lines().count(), 8);
        assert_eq!(Results::of_document(&document).unwrap(), results);
    }
}
