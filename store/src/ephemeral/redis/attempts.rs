//! Failed attempts, counted by Redis: its clock, one step, one key.

use ::redis::{Cmd, cmd};

use crate::ephemeral::attempts::{AttemptRule, Counted};

/// The same as `Attempts::attempt` of a process does. `n`: failures so far; `u`: until when to wait, in milliseconds.
const SCRIPT: &str = r"
local free, first, max, remember, counted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if counted ~= 'failed' then
  local wait = tonumber(redis.call('HGET', KEYS[1], 'u') or 0) - now
  if wait > 0 then return wait end
end
if counted ~= 'no' then
  local over = redis.call('HINCRBY', KEYS[1], 'n', 1) - free
  local wait = 0
  if over > 0 then wait = math.min(first * 2 ^ math.min(over - 1, 40), max) end
  redis.call('HSET', KEYS[1], 'u', string.format('%.0f', now + wait))
  redis.call('PEXPIRE', KEYS[1], remember)
end
return 0
";

/// The same as `Attempts::take_back` of a process does.
const TAKE_BACK: &str = r"
if tonumber(redis.call('HGET', KEYS[1], 'n') or 0) > 1 then
  redis.call('HINCRBY', KEYS[1], 'n', -1)
  redis.call('HDEL', KEYS[1], 'u')
else
  redis.call('DEL', KEYS[1])
end
";

/// Counts one less.
pub(super) fn take_back(key: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(TAKE_BACK).arg(1).arg(key);
    eval
}

/// Asks for the milliseconds to wait.
pub(super) fn ask(key: &str, rule: &AttemptRule, counted: Counted) -> Cmd {
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut eval = cmd("EVAL");
    eval.arg(SCRIPT)
        .arg(1)
        .arg(key)
        .arg(rule.free)
        .arg(ms(rule.first))
        .arg(ms(rule.max))
        .arg(ms(rule.remember));
    eval.arg(match counted {
        Counted::No => "no",
        Counted::Yes => "yes",
        Counted::Failed => "failed",
    });
    eval
}
