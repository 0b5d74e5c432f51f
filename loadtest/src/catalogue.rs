//! What can be run, in words: scenarios with their explanations, and presets.

use anyhow::bail;
use clap::{Arg, Command, CommandFactory as _};

use crate::arguments::Arguments;
use crate::scenario_file;

/// Something that measures.
#[derive(Clone, Copy, Debug)]
pub struct Explained {
    /// As on the command line.
    pub name: &'static str,
    /// What it does and what its figures mean.
    pub text: &'static str,
}

/// A scenario file that is part of this program.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// As on the command line.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! explained {
    ($($name:literal),* $(,)?) => {
        &[$(Explained { name: $name, text: include_str!(concat!("../scenarios/", $name, ".md")) }),*]
    };
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(Preset { name: $name, text: include_str!(concat!("../presets/", $name, ".toml")) }),*]
    };
}

/// All scenarios.
pub const SCENARIOS: &[Explained] = explained![
    "idle",
    "storm",
    "dm",
    "group",
    "overload",
    "mixed",
    "soak",
    "reconnect",
    "slow",
    "sync",
    "endure",
    "smoke",
    "verify",
];

/// All presets.
pub const PRESETS: &[Preset] = presets![
    "idle-15k",
    "storm-15k",
    "dm-steady",
    "dm-gate",
    "dm-limit",
    "group-500",
    "group-5000",
    "group-15000",
    "group-limit",
    "overload-200",
    "mixed-town",
    "soak-hour",
    "reconnect-jitter",
    "reconnect-deploy",
    "reconnect-drain",
    "slow-readers",
    "sync-5000",
];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Scenarios and presets, a line each.
pub fn list() -> String {
    let root = root();
    let mut text = "Scenarios (`loadtest explain NAME` says more, `loadtest NAME` runs one):\n\n".to_owned();
    for scenario in SCENARIOS {
        let about = root.find_subcommand(scenario.name).and_then(Command::get_about);
        text += &listed(scenario.name, &about.map(ToString::to_string).unwrap_or_default());
    }
    text += "\nPresets (`loadtest run NAME`; settings after the name override those of the preset):\n\n";
    for preset in PRESETS {
        text += &listed(preset.name, &preset.about());
    }
    text + "\nA scenario file of your own: begin with what `loadtest explain PRESET` prints, then `loadtest run FILE`.\n"
}

fn listed(name: &str, about: &str) -> String {
    let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    format!("  {name:<width$}  {about}\n")
}

/// One scenario or preset.
pub fn explain(name: &str) -> anyhow::Result<String> {
    if let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) {
        return Ok(scenario.explain());
    }
    if let Some(preset) = preset(name) {
        return Ok(format!(
            "{}\nThe same without the preset:\n\n  {}\n",
            preset.text,
            scenario_file::words(preset.text)?.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        ));
    }
    if root().find_subcommand(name).is_some() {
        bail!("{name} is neither scenario nor preset, but a tool: `loadtest {name} --help` explains it");
    }
    let known: Vec<&str> =
        SCENARIOS.iter().map(|one| one.name).chain(PRESETS.iter().map(|one| one.name)).collect();
    bail!(
        "there is no scenario and no preset {name:?}{}; there are {}",
        scenario_file::meant(name, &known),
        known.join(", ")
    )
}

impl Explained {
    fn explain(&self) -> String {
        let root = root();
        let command = root.find_subcommand(self.name).unwrap_or(&root);
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let mut text = format!("loadtest {}: {about}\n\n{}", self.name, self.text);
        let flags = scenario_file::flags(command);
        let own: Vec<&&Arg> = flags.iter().filter(|flag| !flag.is_global_set()).collect();
        if !own.is_empty() {
            text += "\nSettings, as flags and as keys of a scenario file:\n\n";
            for flag in own {
                text += &setting(flag);
            }
        }
        let uses = PRESETS.iter().filter(|preset| preset.scenario() == self.name).map(|preset| preset.name);
        let uses: Vec<&str> = uses.collect();
        if !uses.is_empty() {
            text += &format!("\nPresets: {}\n", uses.join(", "));
        }
        text + "\nWhat every scenario has (server, tokens, reports, requirements): loadtest --help\n"
    }
}

fn setting(flag: &Arg) -> String {
    let long = format!("--{}", flag.get_long().unwrap_or_default());
    let key = scenario_file::key(flag);
    let default: Vec<_> = flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let default = if default.is_empty() { String::new() } else { format!(" [{}]", default.join(" ")) };
    format!("  {long:<24} {key:<20} {help}{default}\n")
}

impl Preset {
    fn table(&self) -> toml::Table {
        self.text.parse().unwrap_or_default()
    }

    /// What it is for.
    pub fn about(&self) -> String {
        self.table().get("about").and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    }

    fn scenario(&self) -> String {
        self.table().get("scenario").and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    }
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./,:".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

fn root() -> Command {
    let mut root = Arguments::command();
    root.build();
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Scenario;

    #[test]
    fn every_scenario_is_explained_with_all_its_settings() {
        let mut scenarios = Command::new("scenarios");
        scenarios = <Scenario as clap::Subcommand>::augment_subcommands(scenarios);
        let listed = list();
        for command in scenarios.get_subcommands() {
            let text = explain(command.get_name()).expect("explained");
            for flag in command.get_arguments().filter_map(Arg::get_long) {
                assert!(text.contains(&format!("--{flag} ")), "{}: {flag}", command.get_name());
            }
            assert!(text.lines().count() > 8, "{text}");
            assert!(listed.contains(&format!("  {} ", command.get_name())));
        }
        assert_eq!(scenarios.get_subcommands().count(), SCENARIOS.len());
    }

    #[test]
    fn every_preset_can_be_run_and_says_what_it_is_for() {
        for preset in PRESETS {
            scenario_file::check(preset.text).unwrap_or_else(|error| panic!("{}: {error:#}", preset.name));
            assert!(preset.about().len() > 10, "{}", preset.name);
            assert!(!preset.about().starts_with(char::is_lowercase), "{}", preset.name);
            let text = explain(preset.name).expect("explained");
            assert!(text.contains("\n  loadtest "), "{text}");
        }
    }

    #[test]
    fn the_list_is_in_columns() {
        let listed = list();
        let lines = listed.lines().filter(|line| line.starts_with("  "));
        let column = |line: &str| {
            let about = line.trim_start().split_once(' ').map_or("", |(_, rest)| rest.trim_start());
            line.len() - about.len()
        };
        let columns: std::collections::BTreeSet<usize> = lines.map(column).collect();
        assert_eq!(columns.len(), 1, "{listed}");
    }

    #[test]
    fn a_name_that_is_not_there_is_answered_with_those_that_are() {
        let tool = explain("find").expect_err("no scenario").to_string();
        assert!(tool.contains("loadtest find --help"), "{tool}");
        let error = explain("grup").expect_err("no such").to_string();
        assert!(error.contains("did you mean \"group\"?") && error.contains("dm-steady"), "{error}");
    }
}
