//! Scenario files: a scenario, its settings and what must hold, as TOML. A key is the name of a flag, with `_` for `-`.
//!
//! ```toml
//! about = "Direct messages at a steady rate"   # for people
//! scenario = "dm"
//! connections = 1000
//! rate = 5000
//! seconds = "30s"
//! require = ["dm.delivery.p99<50ms", "dm.lost<1"]
//!
//! [find]                                       # instead of running it once: look for the highest rate
//! from = 1000
//! up_to = 60000
//! target = ["dm.delivery.p99<50ms"]
//! ```
//!
//! Flags given beside the file override its keys; requirements add up.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, Parser as _};
use toml::{Table, Value};

use crate::arguments::{Arguments, RunNamed};
use crate::catalogue;

/// Keys that are no flags.
const OWN_KEYS: [&str; 3] = ["about", "scenario", "find"];
/// Flags that make no sense in a file.
const NOT_IN_FILES: [&str; 2] = ["help", "version"];

/// The flags that every scenario has, as they were given before the name of a preset or a file.
pub fn given(matches: &ArgMatches) -> Vec<String> {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let mut words = Vec::new();
    for flag in Arguments::command().get_arguments().filter(|flag| flag.is_global_set()) {
        let (id, Some(long)) = (flag.get_id().as_str(), flag.get_long()) else { continue };
        if innermost.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if matches!(flag.get_action(), ArgAction::SetTrue) {
            words.push(format!("--{long}"));
        } else {
            let values = innermost.get_raw(id).into_iter().flatten();
            words.extend(values.map(|value| format!("--{long}={}", value.to_string_lossy())));
        }
    }
    words
}

/// The arguments that a preset or a file stands for, with the flags given before its name.
pub fn read(named: &RunNamed, given: &[String]) -> anyhow::Result<Arguments> {
    let (text, origin) = match catalogue::preset(&named.name) {
        Some(preset) => (preset.text.to_owned(), format!("preset {}", named.name)),
        None => {
            let text = std::fs::read_to_string(&named.name).with_context(|| missing(&named.name))?;
            (text, named.name.clone())
        }
    };
    let words = words(&text).with_context(|| origin.clone())?;
    let all = words.into_iter().chain(given.iter().cloned()).chain(named.settings.iter().cloned());
    let parsed = Arguments::command().try_get_matches_from(all);
    let matches =
        parsed.map_err(|error| anyhow::anyhow!("{origin}: {}", first_paragraph(&error.to_string())))?;
    <Arguments as clap::FromArgMatches>::from_arg_matches(&matches).context(origin)
}

fn missing(name: &str) -> String {
    let looks_like_file = name.contains('/') || Path::new(name).extension().is_some();
    if looks_like_file {
        return name.to_owned();
    }
    let names: Vec<&str> = catalogue::PRESETS.iter().map(|preset| preset.name).collect();
    format!(
        "there is no preset {name:?} and no file of that name{}; presets are {}",
        meant(name, &names),
        names.join(", ")
    )
}

/// The command line that a file stands for.
pub fn words(text: &str) -> anyhow::Result<Vec<String>> {
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.message()))?;
    let mut root = Arguments::command();
    root.build();
    let measuring: Vec<&str> = catalogue::SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let Some(scenario) = table.get("scenario") else {
        bail!("the key \"scenario\" is missing; scenarios are {}", measuring.join(", "));
    };
    let scenario = scenario.as_str().context("scenario: a name in quotes is wanted")?;
    if !measuring.contains(&scenario) {
        bail!(
            "scenario: there is no {scenario:?}{}; scenarios are {}",
            meant(scenario, &measuring),
            measuring.join(", ")
        );
    }
    let mut words = vec!["loadtest".to_owned()];
    let mut command = &root;
    if let Some(find) = table.get("find") {
        let find = find.as_table().context("find: a table [find] is wanted")?;
        command = subcommand(command, "find")?;
        words.push("find".to_owned());
        let own = flags(command).into_iter().filter(|flag| !flag.is_global_set()).collect::<Vec<_>>();
        take(&mut words, find, &own, "find")?;
        if command.find_subcommand(scenario).is_none() {
            bail!("find: {scenario} has no rate to look for");
        }
    }
    words.push(scenario.to_owned());
    let mut settings = table.clone();
    settings.retain(|key, _| !OWN_KEYS.contains(&key));
    take(&mut words, &settings, &flags(subcommand(command, scenario)?), scenario)?;
    Ok(words)
}

fn subcommand<'a>(command: &'a Command, name: &str) -> anyhow::Result<&'a Command> {
    command.find_subcommand(name).with_context(|| format!("there is no scenario {name:?}"))
}

/// Flags of a scenario, its own and those that every scenario has.
pub fn flags(command: &Command) -> Vec<&Arg> {
    let named = command.get_arguments().filter(|argument| argument.get_long().is_some());
    named.filter(|argument| !NOT_IN_FILES.contains(&argument.get_id().as_str())).collect()
}

/// The key of a flag in a file.
pub fn key(flag: &Arg) -> String {
    flag.get_long().unwrap_or_default().replace('-', "_")
}

fn take(words: &mut Vec<String>, table: &Table, flags: &[&Arg], of: &str) -> anyhow::Result<()> {
    for (name, value) in table {
        let Some(flag) = flags.iter().find(|flag| key(flag) == *name) else {
            let mut keys: Vec<String> = flags.iter().map(|flag| key(flag)).collect();
            keys.sort();
            let known: Vec<&str> = keys.iter().map(String::as_str).collect();
            bail!("{name}: {of} has no such key{}; allowed are {}", meant(name, &known), keys.join(", "));
        };
        let long = format!("--{}", flag.get_long().unwrap_or_default());
        if matches!(flag.get_action(), ArgAction::SetTrue) {
            match value.as_bool() {
                Some(true) => words.push(long),
                Some(false) => {}
                None => bail!("{name}: true or false is wanted"),
            }
            continue;
        }
        let values = match value {
            Value::Array(values) if matches!(flag.get_action(), ArgAction::Append) => values.clone(),
            Value::Array(values) if flag.get_value_delimiter().is_some() => {
                let all = values.iter().map(|one| plain(name, one)).collect::<anyhow::Result<Vec<_>>>()?;
                vec![Value::String(all.join(","))]
            }
            Value::Array(_) => bail!("{name}: one value is wanted, not a list"),
            one => vec![one.clone()],
        };
        for one in values {
            words.push(format!("{long}={}", plain(name, &one)?));
        }
    }
    Ok(())
}

fn plain(name: &str, value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            bail!("{name}: a number or a text in quotes is wanted")
        }
    }
}

/// `, did you mean …?` when something known is like it.
pub fn meant(name: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|one| distance(name, one));
    match nearest.filter(|nearest| distance(name, nearest) <= 1 + name.len() / 4) {
        Some(nearest) => format!(" (did you mean {nearest:?}?)"),
        None => String::new(),
    }
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for at in 0..other.len() {
            let changed = before + usize::from(letter != other[at]);
            before = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(before + 1);
        }
    }
    row[other.len()]
}

fn first_paragraph(text: &str) -> String {
    text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

/// Whether a file can be run, without running it.
pub fn check(text: &str) -> anyhow::Result<()> {
    Arguments::try_parse_from(words(text)?).map(|_| ()).map_err(|error| anyhow::anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        format!("{:#}", words(text).expect_err(text))
    }

    #[test]
    fn keys_become_flags() {
        let text =
            "scenario = \"dm\"\nrate = 50.5\nwarm_up = \"1s\"\nquiet = true\nrequire = [\"a<1\", \"b<2\"]\n";
        let words = words(text).expect("good");
        assert_eq!(&words[..2], ["loadtest", "dm"]);
        for word in ["--rate=50.5", "--warm-up=1s", "--quiet", "--require=a<1", "--require=b<2"] {
            assert!(words.iter().any(|one| one == word), "{words:?}");
        }
    }

    #[test]
    fn a_wrong_key_is_named_with_what_is_allowed_and_what_was_meant() {
        let error = wrong("scenario = \"dm\"\nconnection = 5\n");
        assert!(
            error.starts_with("connection: dm has no such key (did you mean \"connections\"?); allowed are "),
            "{error}"
        );
        assert!(error.contains("rate, ") && !error.contains("members"), "{error}");
        assert!(wrong("scenario = \"dn\"").contains("did you mean \"dm\"?"));
        assert!(wrong("rate = 5").contains("\"scenario\" is missing"));
        assert!(wrong("scenario = \"dm\"\nrate = [1, 2]").contains("rate: one value is wanted"));
        assert!(wrong("scenario = \"dm\"\nquiet = 1").contains("quiet: true or false"));
        assert!(wrong("scenario = ").contains("expected"), "{}", wrong("scenario = "));
    }

    #[test]
    fn flags_override_keys_and_requirements_add_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "scenario = \"dm\"\nrate = 5\nconnections = 8\nrequire = [\"dm.lost<1\"]")
            .expect("written");
        let settings = ["--rate", "7", "--require", "dm.extra<1"].map(str::to_owned).to_vec();
        let name = path.display().to_string();
        let arguments = read(&RunNamed { name, settings }, &[]).expect("good");
        let crate::arguments::Command::Scenario(crate::arguments::Scenario::Dm(dm)) = arguments.command
        else {
            panic!("it is dm");
        };
        assert_eq!((dm.connections, dm.rate.round() as u64), (8, 7));
        assert_eq!(arguments.common.require.len(), 2);
    }

    #[test]
    fn several_servers_are_a_list_that_a_flag_replaces() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.toml");
        let text = "scenario = \"idle\"\nurl = [\"ws://one/ws\", \"ws://two/ws\"]\nserver_pid = [7, 8]\n";
        std::fs::write(&path, text).expect("written");
        let name = path.display().to_string();
        let read = |settings: &[&str]| {
            let settings = settings.iter().map(|one| (*one).to_owned()).collect();
            read(&RunNamed { name: name.clone(), settings }, &[]).expect("good").common
        };
        let both = read(&[]);
        assert_eq!((both.url.len(), both.server.server_pid), (2, vec![7, 8]));
        assert_eq!(read(&["--url", "ws://three/ws"]).url, ["ws://three/ws"]);
    }

    #[test]
    fn a_wrong_value_names_file_and_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "scenario = \"dm\"\nwarm_up = \"soon\"").expect("written");
        let name = path.display().to_string();
        let error =
            format!("{:#}", read(&RunNamed { name, settings: Vec::new() }, &[]).expect_err("no duration"));
        assert!(
            error.contains("mine.toml") && error.contains("--warm-up") && error.contains("soon"),
            "{error}"
        );
        let error = read(&RunNamed { name: "dm-stady".to_owned(), settings: Vec::new() }, &[])
            .expect_err("no preset");
        assert!(error.to_string().contains("did you mean \"dm-steady\"?"), "{error}");
    }
}
