//! The part's side: hears what is to be done, tells how it goes, hands over what it found.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::words::{ToLead, ToPart, Word};
use super::{Assignment, Found, Share, Tick};
use crate::clock::{Clock, MILLISECOND, Nanos, SECOND, machine};
use crate::engine::{Engine, Listener};

/// The longest wait for sockets between two looks at what the lead says.
const TURN: Duration = Duration::from_millis(20);
/// The longest wait for an assignment.
const ASSIGNMENT: Nanos = 3600 * SECOND;
/// Between two ticks while a run comes to its end, so that it ends soon.
pub const TICK_AT_THE_END: Nanos = 100 * MILLISECOND;

/// The way to the lead.
pub(super) trait Voice: Debug + Send {
    /// Says something.
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()>;
}

/// What the lead says; `None`: only that it is there.
pub(super) type FromLead = Option<ToPart>;

/// See the module.
#[derive(Debug)]
pub struct Follower {
    /// Which part this is.
    pub share: Share,
    /// The run's.
    pub clock: Clock,
    voice: Arc<Mutex<dyn Voice>>,
    heard: Receiver<FromLead>,
    /// A lead that says nothing for so long is gone; `None`: the line says so by itself.
    silence_max: Option<Nanos>,
    heard_at: Cell<Nanos>,
    told_at: Cell<Nanos>,
}

impl Follower {
    /// Takes a message of the lead: answers at once what time it is, and keeps the rest. An error: nobody wants to know
    /// any more.
    pub(super) fn receive(
        message: &[u8],
        voice: &Mutex<dyn Voice>,
        heard: &SyncSender<FromLead>,
    ) -> anyhow::Result<()> {
        let word = match ToPart::decode(message)? {
            ToPart::Clock(number) => {
                let answer = ToLead::Word(Word::Clock { number, at: machine() }).encode()?;
                voice.lock().unwrap_or_else(PoisonError::into_inner).say(&answer)?;
                // That the lead is there is known as well from what waits already.
                return match heard.try_send(None) {
                    Err(TrySendError::Disconnected(_)) => Err(anyhow::anyhow!("this part has ended")),
                    Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
                };
            }
            word => Some(word),
        };
        heard.send(word).context("this part has ended")
    }

    /// Waits for an assignment, has it `run`, and tells the lead if that fails.
    pub(super) fn follow(
        (voice, heard): (Arc<Mutex<dyn Voice>>, Receiver<FromLead>),
        silence_max: Option<Nanos>,
        run: impl FnOnce(Assignment, Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let wait = Duration::from_nanos(silence_max.unwrap_or(ASSIGNMENT));
        let assignment = loop {
            match heard.recv_timeout(wait).context("the process that began this run is gone")? {
                None => {}
                Some(ToPart::Assignment(assignment)) => break *assignment,
                Some(_) => bail!("an assignment was expected"),
            }
        };
        let clock = Clock::of_zero(assignment.zero);
        let follower = Self {
            share: assignment.share,
            clock,
            voice: voice.clone(),
            heard,
            silence_max,
            heard_at: Cell::new(clock.now()),
            told_at: Cell::new(0),
        };
        let done = match assignment.version == env!("CARGO_PKG_VERSION") {
            true => run(assignment, follower),
            false => Err(anyhow::anyhow!(
                "the lead is version {}, this is {}",
                assignment.version,
                env!("CARGO_PKG_VERSION")
            )),
        };
        if let Err(error) = &done {
            let word = ToLead::Word(Word::Failed(format!("{error:#}"))).encode()?;
            // A lead that is gone cannot be told.
            let _ = voice.lock().unwrap_or_else(PoisonError::into_inner).say(&word);
        }
        done
    }

    /// Waits until connections may be opened; says from when the course of the run counts.
    pub fn wait_open(&self) -> anyhow::Result<Nanos> {
        match self.next()? {
            ToPart::Open { at } => Ok(at),
            _ => bail!("the lead did not say that connections may be opened"),
        }
    }

    /// Says that all connections are ready, and keeps them alive until it is said when to begin.
    pub fn wait_start(&self, engine: &mut Engine, listener: &mut impl Listener) -> anyhow::Result<Nanos> {
        self.say(&ToLead::Word(Word::Ready))?;
        loop {
            engine.turn(TURN, listener)?;
            match self.poll()? {
                Some(ToPart::Start { at }) => return Ok(at),
                Some(_) => bail!("the lead did not say when to begin"),
                None => {}
            }
            if self.is_due(SECOND) {
                self.tell(Tick { connections: engine.open_count(), ..Tick::default() })?;
            }
        }
    }

    /// Whether the lead says that it is over.
    pub fn is_over(&self) -> anyhow::Result<bool> {
        match self.poll()? {
            Some(ToPart::Finish) => Ok(true),
            Some(_) => bail!("the lead did not say that it is over"),
            None => Ok(false),
        }
    }

    /// Tells how many connections are there while they are being opened, now and then.
    pub fn opening(&self, connections: u64) -> anyhow::Result<()> {
        if self.is_due(SECOND) {
            self.undisturbed()?;
            self.tell(Tick { connections, ..Tick::default() })?;
        }
        Ok(())
    }

    /// Nothing is to be heard now but that the lead is there.
    pub fn undisturbed(&self) -> anyhow::Result<()> {
        match self.poll()? {
            Some(_) => bail!("the lead said something out of turn"),
            None => Ok(()),
        }
    }

    /// Whether the last tick is so long ago.
    pub fn is_due(&self, every: Nanos) -> bool {
        self.clock.now() >= self.told_at.get() + every
    }

    /// Tells how it goes.
    pub fn tell(&self, tick: Tick) -> anyhow::Result<()> {
        self.told_at.set(self.clock.now());
        self.say(&ToLead::Word(Word::Tick(tick)))
    }

    /// Hands over what was found.
    pub fn hand_over(&self, found: Found) -> anyhow::Result<()> {
        self.say(&ToLead::Found(Box::new(found)))
    }

    fn say(&self, word: &ToLead) -> anyhow::Result<()> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner).say(&word.encode()?)
    }

    fn next(&self) -> anyhow::Result<ToPart> {
        loop {
            match self.heard.recv_timeout(Duration::from_secs(1)) {
                Ok(Some(word)) => return Ok(word),
                Ok(None) => self.heard_at.set(self.clock.now()),
                Err(RecvTimeoutError::Timeout) => self.mind_silence()?,
                Err(RecvTimeoutError::Disconnected) => bail!("the process that began this run is gone"),
            }
        }
    }

    fn poll(&self) -> anyhow::Result<Option<ToPart>> {
        loop {
            match self.heard.try_recv() {
                Ok(word) => {
                    self.heard_at.set(self.clock.now());
                    if word.is_some() {
                        return Ok(word);
                    }
                }
                Err(TryRecvError::Empty) => return self.mind_silence().map(|()| None),
                Err(TryRecvError::Disconnected) => bail!("the process that began this run is gone"),
            }
        }
    }

    fn mind_silence(&self) -> anyhow::Result<()> {
        let silent = self.clock.now().saturating_sub(self.heard_at.get());
        if self.silence_max.is_some_and(|most| silent > most) {
            bail!("who began this run has said nothing for {} s", silent / SECOND);
        }
        Ok(())
    }
}
