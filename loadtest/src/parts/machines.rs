//! Parts on other machines: `loadtest agent` waits for a call, `loadtest coordinate` calls and leads.
//!
//! ```text
//! loadtest.<team>.call          lead: who is there?
//! loadtest.<team>.lead.<lead>   agents: here · what a part says
//! loadtest.<team>.part.<agent>  what the lead says
//! ```
//!
//! Long messages go in pieces: who it is from (8 bytes) · kind · bytes.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use lifecycle::Tasks;
use serde::{Deserialize, Serialize};

use super::follower::{Follower, FromLead, Voice};
use super::team::{Clocks, Heard, Line, Team};
use super::words::{ToLead, Word};
use super::{Assignment, Share};
use crate::arguments::{Agent, Machines};
use crate::clock::{Clock, Nanos, SECOND, machine};
use crate::nats::{self, Publisher, Reader};

/// Messages that wait.
const HEARD_MAX: usize = 256;
/// A lead that says nothing for so long is gone.
const LEAD_SILENCE_MAX: Nanos = 60 * SECOND;
/// Between two calls, and between two tries to connect.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a piece, where the server takes so many.
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// Longer messages are a mistake.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

const HERE: u8 = b'h';
const MORE: u8 = b'm';
const LAST: u8 = b'l';

/// An agent's answer to a call.
#[derive(Debug, Serialize, Deserialize)]
struct Here {
    host: String,
}

/// Says something to one subject, in pieces.
#[derive(Debug)]
struct Pieces {
    publisher: Publisher,
    subject: String,
    from: u64,
}

impl Pieces {
    fn publish(&self, kind: u8, bytes: &[u8]) -> anyhow::Result<()> {
        let mut piece = self.from.to_be_bytes().to_vec();
        piece.push(kind);
        piece.extend_from_slice(bytes);
        self.publisher.publish(&self.subject, &piece).context("the connection to NATS is gone")
    }

    fn say(&self, message: &[u8]) -> anyhow::Result<()> {
        let most = PIECE_BYTES_MAX.min(self.publisher.payload_bytes_max.saturating_sub(9)).max(1);
        let mut rest = message;
        while rest.len() > most {
            let (piece, behind) = rest.split_at(most);
            self.publish(MORE, piece)?;
            rest = behind;
        }
        self.publish(LAST, rest)
    }
}

impl Voice for Pieces {
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()> {
        Self::say(self, message)
    }
}

/// Puts pieces together again.
#[derive(Debug, Default)]
struct Gathering(HashMap<u64, Vec<u8>>);

impl Gathering {
    /// Who it is from, and the message if it is whole.
    fn take(&mut self, payload: &[u8]) -> Option<(u64, u8, Vec<u8>)> {
        let (from, rest) = payload.split_first_chunk()?;
        let (kind, bytes) = rest.split_first()?;
        let from = u64::from_be_bytes(*from);
        if *kind == HERE {
            return Some((from, HERE, bytes.to_vec()));
        }
        let gathered = self.0.entry(from).or_default();
        if gathered.len() + bytes.len() > MESSAGE_BYTES_MAX {
            gathered.clear();
        }
        gathered.extend_from_slice(bytes);
        (*kind == LAST).then(|| (from, LAST, self.0.remove(&from).unwrap_or_default()))
    }
}

/// The agents of a run: the first that answered.
#[derive(Debug)]
struct Roll {
    agents: Vec<u64>,
    wanted: usize,
}

impl Roll {
    /// Which part said that; `None` for what nobody needs to hear.
    fn who(&mut self, from: u64, kind: u8) -> Option<usize> {
        match (self.agents.iter().position(|agent| *agent == from), kind) {
            (None, HERE) if self.agents.len() < self.wanted => {
                self.agents.push(from);
                Some(self.agents.len() - 1)
            }
            // It answers every call until it has work; once is enough.
            (Some(_), HERE) | (None, _) => None,
            (known, _) => known,
        }
    }
}

/// An agent and the way to it.
#[derive(Debug)]
struct Machine {
    number: usize,
    host: String,
    pieces: Pieces,
}

impl Line for Machine {
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()> {
        self.pieces.say(message)
    }

    fn name(&self) -> String {
        format!("part {} (on {})", self.number, self.host)
    }

    fn fate(&mut self) -> String {
        "the connection to NATS is gone".to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.pieces.publisher.close();
    }
}

impl Team {
    /// So many agents that answer; each gets what `assignment` makes.
    pub fn of_machines(
        settings: &Machines,
        clock: Clock,
        assignment: impl Fn(Share, i64) -> Assignment,
    ) -> anyhow::Result<Self> {
        let (publisher, mut reader) = nats::connect(&settings.nats)?;
        let lead: u64 = rand::random();
        publisher.subscribe(&format!("loadtest.{}.lead.{lead:016x}", settings.team), 1)?;
        let (sender, calls) = sync_channel(HEARD_MAX);
        let wanted = usize::from(settings.agents);
        let roll = Arc::new(Mutex::new(Roll { agents: Vec::new(), wanted }));
        let own = roll.clone();
        let read = move || {
            let mut gathering = Gathering::default();
            while let Ok(Some(message)) = reader.read() {
                let at = machine();
                let Some((from, kind, message)) = gathering.take(&message.payload) else { continue };
                let who = own.lock().unwrap_or_else(PoisonError::into_inner).who(from, kind);
                let Some(who) = who else { continue };
                if sender.send(Heard::Said { who, at, message }).is_err() {
                    return;
                }
            }
            // A lead that is gone needs no message.
            let _ = sender.send(Heard::Gone { who: 0 });
        };
        Tasks::default().thread("agents", read).context("a thread")?;
        let hosts = call(settings, &publisher, lead, (&calls, clock))?;
        let agents = roll.lock().unwrap_or_else(PoisonError::into_inner).agents.clone();
        let machine = |(number, (agent, host)): (usize, (u64, String))| {
            let subject = format!("loadtest.{}.part.{agent:016x}", settings.team);
            let pieces = Pieces { publisher: publisher.clone(), subject, from: lead };
            Box::new(Machine { number, host, pieces }) as Box<dyn Line>
        };
        let lines = agents.into_iter().zip(hosts).enumerate().map(machine).collect();
        let nanos = |time: Duration| Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX);
        let (error_max, silence_max) = (nanos(settings.clock_error_max), nanos(settings.silence_max));
        Self::new((lines, calls), (clock, Clocks::Many { error_max, silence_max }), assignment)
    }
}

/// Calls until enough have answered; gives their hosts.
fn call(
    settings: &Machines,
    publisher: &Publisher,
    lead: u64,
    (heard, clock): (&Receiver<Heard>, Clock),
) -> anyhow::Result<Vec<String>> {
    let wanted = usize::from(settings.agents);
    let mut hosts: Vec<Option<String>> = vec![None; wanted];
    let until = clock.now() + u64::try_from(settings.patience.as_nanos()).unwrap_or(u64::MAX);
    loop {
        publisher.publish(&format!("loadtest.{}.call", settings.team), &lead.to_be_bytes())?;
        loop {
            match heard.recv_timeout(AGAIN) {
                Ok(Heard::Said { who, message, .. }) => {
                    let here: Here = serde_json::from_slice(&message).context("an agent's answer")?;
                    hosts[who] = Some(here.host);
                }
                Ok(Heard::Gone { .. }) | Err(RecvTimeoutError::Disconnected) => {
                    bail!("the connection to NATS is gone")
                }
                Err(RecvTimeoutError::Timeout) => break,
            }
            if hosts.iter().all(Option::is_some) {
                return Ok(hosts.into_iter().flatten().collect());
            }
        }
        if clock.now() > until {
            let there = hosts.iter().flatten().count();
            bail!(
                "{there} of {wanted} agents of team {:?} answered within {} s; each is a `loadtest agent`",
                settings.team,
                settings.patience.as_secs()
            );
        }
    }
}

/// A lead, and the ways to who works for it and back.
type Binding = (u64, SyncSender<FromLead>, Arc<Mutex<dyn Voice>>);

/// Which lead an agent works for.
#[derive(Debug, Default)]
struct Bound {
    now: Option<Binding>,
    /// The last one, whose run is over.
    before: Option<u64>,
}

/// A run that a lead began.
type Session = (Arc<Mutex<dyn Voice>>, Receiver<FromLead>);

/// What an agent does: waits for calls and has `run` done what leads assign, again and again.
pub fn wait(
    settings: &Agent,
    mut run: impl FnMut(Assignment, Follower) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let served = serve(settings, &mut run);
        if settings.once {
            return served;
        }
        if let Err(error) = served {
            eprintln!("agent: {error:#}");
        }
        std::thread::sleep(AGAIN);
    }
}

fn serve(
    settings: &Agent,
    mut run: impl FnMut(Assignment, Follower) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (publisher, reader) = nats::connect(&settings.nats)?;
    let id: u64 = rand::random();
    publisher.subscribe(&format!("loadtest.{}.part.{id:016x}", settings.team), 1)?;
    publisher.subscribe(&format!("loadtest.{}.call", settings.team), 2)?;
    eprintln!("agent: waiting for a run of team {:?} at {:?}", settings.team, settings.nats);
    let (sender, sessions) = sync_channel::<Session>(1);
    let bound = Arc::new(Mutex::new(Bound::default()));
    let own = bound.clone();
    let team = settings.team.clone();
    let read = move || {
        // The run, if there is one, hears of it by its own line.
        let _ = listen(reader, (&publisher, &team, id), &own, &sender);
        own.lock().unwrap_or_else(PoisonError::into_inner).now = None;
    };
    Tasks::default().thread("leads", read).context("a thread")?;
    loop {
        let session = sessions.recv().context("the connection to NATS is gone")?;
        let done = Follower::follow(session, Some(LEAD_SILENCE_MAX), &mut run);
        let mut bound = bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.before = bound.now.take().map(|(lead, ..)| lead).or(bound.before);
        drop(bound);
        match done {
            Ok(()) => eprintln!("agent: a run is over"),
            Err(error) => eprintln!("agent: a run ended early: {error:#}"),
        }
        if settings.once {
            return Ok(());
        }
    }
}

/// Answers calls, and gives what leads say to whoever works for them.
fn listen(
    mut reader: Reader,
    (publisher, team, id): (&Publisher, &str, u64),
    bound: &Mutex<Bound>,
    sessions: &SyncSender<Session>,
) -> anyhow::Result<()> {
    let mut gathering = Gathering::default();
    let pieces = |lead: u64| Pieces {
        publisher: publisher.clone(),
        subject: format!("loadtest.{team}.lead.{lead:016x}"),
        from: id,
    };
    while let Some(message) = reader.read()? {
        let mut bound = bound.lock().unwrap_or_else(PoisonError::into_inner);
        if message.subject.ends_with(".call") {
            if let (Some(lead), None) = (message.payload.first_chunk(), &bound.now) {
                let here = Here { host: host() };
                pieces(u64::from_be_bytes(*lead)).publish(HERE, &serde_json::to_vec(&here)?)?;
            }
            continue;
        }
        let Some((lead, _, message)) = gathering.take(&message.payload) else { continue };
        if bound.before == Some(lead) {
            continue;
        }
        if bound.now.is_none() {
            let (sender, heard) = sync_channel(HEARD_MAX);
            let voice: Arc<Mutex<dyn Voice>> = Arc::new(Mutex::new(pieces(lead)));
            bound.now = Some((lead, sender, voice.clone()));
            sessions.send((voice, heard)).map_err(|_| anyhow!("the agent has ended"))?;
        }
        let Some((present, sender, voice)) = bound.now.clone() else { continue };
        drop(bound);
        if present == lead {
            // A run that ended early does not listen any more.
            let _ = Follower::receive(&message, &voice, &sender);
        } else {
            let busy = Word::Failed("this agent works for another run".to_owned());
            pieces(lead).say(&ToLead::Word(busy).encode()?)?;
        }
    }
    Ok(())
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} process {}", name.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_agents_that_answer_are_heard_and_their_answer_once() {
        let mut roll = Roll { agents: Vec::new(), wanted: 2 };
        assert_eq!((roll.who(7, LAST), roll.who(7, HERE), roll.who(7, HERE)), (None, Some(0), None));
        assert_eq!((roll.who(8, HERE), roll.who(7, HERE), roll.who(9, HERE)), (Some(1), None, None));
        assert_eq!((roll.who(7, MORE), roll.who(8, LAST), roll.who(9, LAST)), (Some(0), Some(1), None));
    }

    #[test]
    fn pieces_of_several_become_their_messages() {
        let mut gathering = Gathering::default();
        let piece = |from: u64, kind: u8, bytes: &[u8]| {
            let mut piece = from.to_be_bytes().to_vec();
            piece.push(kind);
            piece.extend_from_slice(bytes);
            piece
        };
        assert_eq!(gathering.take(&piece(1, MORE, b"ab")), None);
        assert_eq!(gathering.take(&piece(2, LAST, b"xy")), Some((2, LAST, b"xy".to_vec())));
        assert_eq!(gathering.take(&piece(1, LAST, b"c")), Some((1, LAST, b"abc".to_vec())));
        assert_eq!(gathering.take(&piece(1, LAST, b"")), Some((1, LAST, Vec::new())));
        assert_eq!(gathering.take(b"short"), None);
    }
}
