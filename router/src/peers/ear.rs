//! The time during which this incarnation heard itself. Silence of others is measured in it, so that neither a bus that
//! is away nor a long sleep looks like the death of everybody else.

/// See the module.
pub struct Ear {
    /// A heartbeat of one's own is good for so long.
    span_ms: u64,
    /// Silence of one's own that counts as deafness.
    deaf_ms: u64,
    heard_ms: Option<u64>,
    counted_ms: u64,
    deaf_until: u64,
}

impl Ear {
    pub fn new(span_ms: u64, deaf_ms: u64) -> Self {
        Self { span_ms, deaf_ms, heard_ms: None, counted_ms: 0, deaf_until: 0 }
    }

    /// Milliseconds of hearing so far.
    pub fn now(&self, now_ms: u64) -> u64 {
        let since = self.silence_ms(now_ms).unwrap_or(0);
        self.counted_ms + since.min(self.span_ms)
    }

    /// One's own heartbeat of that time came; whether there was none for long before it.
    pub fn hear(&mut self, sent_ms: u64) -> bool {
        if self.heard_ms.is_some_and(|newest| newest >= sent_ms) {
            return false;
        }
        let was_deaf = self.silence_ms(sent_ms).is_some_and(|silence| silence >= self.deaf_ms);
        self.counted_ms = self.now(sent_ms);
        self.heard_ms = Some(sent_ms);
        if was_deaf {
            self.deaf_until = self.counted_ms;
        }
        was_deaf
    }

    pub fn has_heard(&self) -> bool {
        self.heard_ms.is_some()
    }

    /// How long ago the last one came.
    pub fn silence_ms(&self, now_ms: u64) -> Option<u64> {
        self.heard_ms.map(|heard| now_ms.saturating_sub(heard))
    }

    pub fn is_hearing(&self, now_ms: u64) -> bool {
        self.silence_ms(now_ms).is_some_and(|silence| silence < self.deaf_ms)
    }

    /// Milliseconds of hearing since the start, or since hearing came back.
    pub fn since_deaf(&self, now_ms: u64) -> u64 {
        self.now(now_ms) - self.deaf_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_while_it_hears_itself() {
        let mut ear = Ear::new(200, 500);
        assert_eq!(ear.now(10_000), 0);
        assert!(!ear.hear(10_000));
        assert!(!ear.hear(10_100));
        assert_eq!(ear.now(10_150), 150);
        assert_eq!(ear.now(99_999), 300, "a heartbeat is good for 200 ms");
        assert!(!ear.is_hearing(99_999));
    }

    #[test]
    fn coming_back_after_a_sleep_begins_to_listen_anew() {
        let mut ear = Ear::new(200, 500);
        ear.hear(0);
        ear.hear(100);
        assert_eq!(ear.since_deaf(100), 100);
        assert!(ear.hear(5_000));
        assert_eq!((ear.since_deaf(5_000), ear.since_deaf(5_100)), (0, 100));
    }
}
