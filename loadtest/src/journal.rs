//! Every acknowledged message of a run on disk, one line each, so that it can be looked for after a crash.
//!
//! ```text
//! # users <prefix> <connections>       one line for each run; a later run continues the file
//! <connection> <seq> <message id> <run> <number>
//! ```
//!
//! Lines leave the program in large pieces; what the *server* acknowledged before it was killed is in the journal once
//! [`Journal::flush`] was called.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::stamp::Stamp;

/// One acknowledged message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The connection that sent it; with the users' prefix it says which conversation.
    pub who: usize,
    /// Its place.
    pub seq: u64,
    /// Its handle.
    pub message_id: u64,
    /// Its mark; with the time of the run, the client message id.
    pub stamp: Stamp,
}

/// A journal being written.
#[derive(Debug)]
pub struct Journal(BufWriter<File>);

impl Journal {
    /// Opens `path`, which may hold earlier runs of the same users.
    pub fn open(path: &Path, prefix: &str, connections: usize) -> anyhow::Result<Self> {
        if path.exists() {
            let written = Written::read(path)?;
            if (written.prefix.as_str(), written.connections) != (prefix, connections) {
                bail!("{} is of other users: {} {}", path.display(), written.prefix, written.connections);
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = BufWriter::new(file.with_context(|| path.display().to_string())?);
        writeln!(file, "# users {prefix} {connections}")?;
        Ok(Self(file))
    }

    /// Notes one message.
    pub fn note(&mut self, message: Acknowledged) -> anyhow::Result<()> {
        let Acknowledged { who, seq, message_id, stamp } = message;
        writeln!(self.0, "{who} {seq} {message_id} {} {}", stamp.run, stamp.number).context("the journal")
    }

    /// Gives everything to the system.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.0.flush().context("the journal")
    }
}

/// A journal that was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Of the users' names.
    pub prefix: String,
    /// How many users there were.
    pub connections: usize,
    /// What was acknowledged, in the order in which it was told.
    pub messages: Vec<Acknowledged>,
}

impl Written {
    /// Reads a whole journal.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut written = Self { prefix: String::new(), connections: 0, messages: Vec::new() };
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| path.display().to_string())?;
            written.take(&line).with_context(|| format!("{}:{}: {line:?}", path.display(), number + 1))?;
        }
        Ok(written)
    }

    fn take(&mut self, line: &str) -> anyhow::Result<()> {
        if let Some(users) = line.strip_prefix("# users ") {
            let (prefix, connections) = users.split_once(' ').context("not a line of a journal")?;
            self.prefix = prefix.to_owned();
            self.connections = connections.parse()?;
            return Ok(());
        }
        let fields: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [who, seq, message_id, run, number] = fields[..] else { bail!("not a line of a journal") };
        let stamp = Stamp { run: u32::try_from(run)?, number };
        self.messages.push(Acknowledged { who: usize::try_from(who)?, seq, message_id, stamp });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_appended_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let message =
            |number| Acknowledged { who: 3, seq: 7, message_id: u64::MAX, stamp: Stamp { run: 9, number } };
        for number in 0..2 {
            let mut journal = Journal::open(&path, "lt", 4).expect("opened");
            journal.note(message(number)).expect("noted");
            journal.flush().expect("flushed");
        }
        let written = Written::read(&path).expect("read");
        assert_eq!((written.prefix.as_str(), written.connections), ("lt", 4));
        assert_eq!(written.messages, [message(0), message(1)]);
        assert!(Journal::open(&path, "lt", 6).is_err(), "other users");
    }
}
