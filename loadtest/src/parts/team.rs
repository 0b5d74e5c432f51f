//! The lead's side: all parts of a run, what they said last, and whether they are still there.

use std::fmt::Debug;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::agreement::{Agreement, TIMES};
use super::words::{ToLead, ToPart, Word};
use super::{Assignment, Found, Share, Tick};
use crate::clock::{Clock, MILLISECOND, Nanos, SECOND, machine};

/// A part on this machine that says nothing for so long while it should is lost.
const SILENCE: Nanos = 30 * SECOND;
/// How long parts may take to hand over what they found.
const HANDING_OVER: Nanos = 120 * SECOND;
/// Between two words of the lead, so that a part knows that it is there.
const KEEP_ALIVE: Nanos = SECOND;

/// The way to a part.
pub(super) trait Line: Debug + Send {
    /// Says something.
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()>;

    /// Where it leads.
    fn name(&self) -> String;

    /// Where it led, and what became of the part, now that it has ended.
    fn fate(&mut self) -> String {
        format!("{} is gone", self.name())
    }
}

/// What comes from parts, from whichever thread reads it.
#[derive(Debug)]
pub(super) enum Heard {
    /// Part `who` said something, at `at` of this machine.
    Said {
        /// Which.
        who: usize,
        /// When.
        at: i64,
        /// What.
        message: Vec<u8>,
    },
    /// The line to part `who` ended.
    Gone {
        /// Which.
        who: usize,
    },
}

/// How closely clocks must agree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clocks {
    /// All are on one machine: there is one clock.
    One,
    /// Each has its own.
    Many {
        /// By so much it may be wrong, and run away during a run.
        error_max: Nanos,
        /// A part that says nothing for so long while it should is lost.
        silence_max: Nanos,
    },
}

#[derive(Debug)]
struct Member {
    line: Box<dyn Line>,
    agreement: Agreement,
    heard_at: Nanos,
    /// The last answer about the time: to which question, the part's clock, and when it came.
    clock: Option<(u64, i64, i64)>,
    ready: bool,
    tick: Tick,
    found: Option<Found>,
}

/// See the module.
#[derive(Debug)]
pub struct Team {
    members: Vec<Member>,
    heard: Receiver<Heard>,
    clock: Clock,
    clocks: Clocks,
    asked: u64,
    kept_alive: Nanos,
}

impl Team {
    /// Looks at all clocks and gives everybody what `assignment` makes for its share and its clock's zero.
    pub(super) fn new(
        (lines, heard): (Vec<Box<dyn Line>>, Receiver<Heard>),
        (clock, clocks): (Clock, Clocks),
        assignment: impl Fn(Share, i64) -> Assignment,
    ) -> anyhow::Result<Self> {
        let member = |line| Member {
            line,
            agreement: Agreement { ahead: 0, error: 0 },
            heard_at: clock.now(),
            clock: None,
            ready: false,
            tick: Tick::default(),
            found: None,
        };
        let members: Vec<Member> = lines.into_iter().map(member).collect();
        let mut team = Self { members, heard, clock, clocks, asked: 0, kept_alive: clock.now() };
        for who in 0..team.members.len() {
            let agreement = team.agree(who)?;
            team.members[who].agreement = agreement;
            let ahead = match clocks {
                Clocks::One => 0,
                Clocks::Many { .. } => agreement.ahead,
            };
            let share = Share { number: who, of: team.members.len() };
            let assignment = assignment(share, clock.zero().saturating_add(ahead));
            team.say(who, &ToPart::Assignment(Box::new(assignment)))?;
        }
        Ok(team)
    }

    /// How many parts there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The run's clock.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// What each said last of how it goes.
    pub(super) fn ticks(&self) -> impl Iterator<Item = &Tick> {
        self.members.iter().map(|member| &member.tick)
    }

    /// Says the same to all; what they said before is of the past.
    pub(super) fn begin(&mut self, word: &ToPart) -> anyhow::Result<()> {
        for who in 0..self.members.len() {
            let member = &mut self.members[who];
            (member.heard_at, member.tick) = (self.clock.now(), Tick::default());
            self.say(who, word)?;
        }
        Ok(())
    }

    /// Waits until all connections of all parts are ready; `progress` hears how many are.
    pub(super) fn wait_ready(&mut self, mut progress: impl FnMut(u64)) -> anyhow::Result<()> {
        while self.members.iter().any(|member| !member.ready) {
            self.listen(self.clock.now() + 100 * MILLISECOND)?;
            progress(self.ticks().map(|tick| tick.connections).sum());
        }
        for member in &mut self.members {
            member.ready = false;
        }
        Ok(())
    }

    /// Hears what parts say until `until`.
    pub(super) fn listen(&mut self, until: Nanos) -> anyhow::Result<()> {
        loop {
            let now = self.clock.now();
            let silence_max = self.silence_max();
            let is_silent = |one: &Member| now > one.heard_at.saturating_add(silence_max);
            if let Some(silent) = self.members.iter().position(is_silent) {
                let name = self.members[silent].line.name();
                bail!("{name} has said nothing for {} s", silence_max / SECOND);
            }
            if now >= self.kept_alive + KEEP_ALIVE {
                self.kept_alive = now;
                self.asked += 1;
                for who in 0..self.members.len() {
                    self.say(who, &ToPart::Clock(self.asked))?;
                }
            }
            if !self.hear(until.saturating_sub(now).min(KEEP_ALIVE))? && self.clock.now() >= until {
                return Ok(());
            }
        }
    }

    /// It is over for everybody: gives what they found. Clocks that moved make it worthless.
    pub(super) fn finish(&mut self) -> anyhow::Result<Vec<Found>> {
        if let Clocks::Many { error_max, .. } = self.clocks {
            for who in 0..self.members.len() {
                let later = self.agree(who)?;
                let moved = self.members[who].agreement.moved(&later);
                if moved > error_max {
                    bail!("the clock of {} moved by {:.1} ms", self.members[who].line.name(), millis(moved));
                }
            }
        }
        self.begin(&ToPart::Finish)?;
        let until = self.clock.now() + HANDING_OVER;
        while let Some(missing) = self.members.iter().position(|member| member.found.is_none()) {
            let now = self.clock.now();
            if now > until {
                bail!("{} does not say what it found", self.members[missing].line.name());
            }
            self.hear((until - now).min(SECOND))?;
        }
        Ok(self.members.iter_mut().filter_map(|member| member.found.take()).collect())
    }

    /// The largest error of a clock, in seconds; `None`: there is only one.
    pub fn clock_error(&self) -> Option<f64> {
        let errors = self.members.iter().map(|member| millis(member.agreement.error) / 1e3);
        match self.clocks {
            Clocks::One => None,
            Clocks::Many { .. } => Some(errors.fold(0.0, f64::max)),
        }
    }

    fn silence_max(&self) -> Nanos {
        match self.clocks {
            Clocks::One => SILENCE,
            Clocks::Many { silence_max, .. } => silence_max,
        }
    }

    fn agree(&mut self, who: usize) -> anyhow::Result<Agreement> {
        let mut best: Option<Agreement> = None;
        for _ in 0..TIMES {
            self.asked += 1;
            let (number, asked) = (self.asked, machine());
            let until = self.clock.now().saturating_add(self.silence_max());
            self.say(who, &ToPart::Clock(number))?;
            let (at, answered) = loop {
                match self.members[who].clock {
                    Some((answer, at, answered)) if answer == number => break (at, answered),
                    _ if self.clock.now() > until => {
                        bail!("{} does not say what time it is", self.members[who].line.name())
                    }
                    _ => self.hear(100 * MILLISECOND)?,
                };
            };
            let one = Agreement::of(asked, at, answered);
            best = Some(best.map_or(one, |best| best.closer(one)));
        }
        let best = best.context("a clock that was asked")?;
        match self.clocks {
            Clocks::One if !best.is_one_clock() => bail!(
                "the clock of {} is {:.3} ms ahead of this one, although both are on one machine",
                self.members[who].line.name(),
                best.ahead as f64 / 1e6
            ),
            Clocks::Many { error_max, .. } if best.error > error_max => bail!(
                "the clock of {} is known to {:.1} ms only, the way there and back takes too long; at most {:.1} ms is good enough",
                self.members[who].line.name(),
                millis(best.error),
                millis(error_max)
            ),
            Clocks::One | Clocks::Many { .. } => Ok(best),
        }
    }

    fn say(&mut self, who: usize, word: &ToPart) -> anyhow::Result<()> {
        let line = &mut self.members[who].line;
        let said = line.say(&word.encode()?);
        said.or_else(|_| {
            // Why it does not listen any more, it may have said.
            while self.hear(SECOND)? {}
            bail!("{}", self.members[who].line.fate())
        })
    }

    /// Waits at most so long for one message; `false`: there was none.
    fn hear(&mut self, wait: Nanos) -> anyhow::Result<bool> {
        let (who, at, message) = match self.heard.recv_timeout(Duration::from_nanos(wait)) {
            Ok(Heard::Said { who, at, message }) => (who, at, message),
            // Whoever has handed over everything may go.
            Ok(Heard::Gone { who }) if self.members[who].found.is_some() => return Ok(true),
            Ok(Heard::Gone { who }) => bail!("{}", self.members[who].line.fate()),
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => bail!("all parts are gone"),
        };
        let now = self.clock.now();
        let member = &mut self.members[who];
        member.heard_at = now;
        match ToLead::decode(&message).with_context(|| member.line.name())? {
            ToLead::Word(Word::Clock { number, at: told }) => member.clock = Some((number, told, at)),
            ToLead::Word(Word::Ready) => member.ready = true,
            ToLead::Word(Word::Tick(tick)) => member.tick = tick,
            ToLead::Word(Word::Failed(why)) => bail!("part {who}: {why}"),
            ToLead::Found(found) => member.found = Some(*found),
        }
        Ok(true)
    }
}

fn millis(nanos: Nanos) -> f64 {
    nanos as f64 / 1e6
}
