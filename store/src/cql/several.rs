//! Calls of several statements: how many at once, and what a failure among them says.
//!
//! They take futures in a `Vec`, made but not begun: with an iterator, its closure would be part of a future that must be
//! `Send`, and the compiler cannot tell that it is (rust-lang/rust#102211).

use std::future::Future;

use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};

use crate::StoreError;

/// Statements of one call that are under way at once.
const AT_ONCE: usize = 32;

/// Runs writes in any order. After a failure no further one begins, and those under way are waited for.
pub(super) async fn writes<F>(writes: Vec<F>) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut waiting = writes.into_iter();
    let mut running = FuturesUnordered::new();
    let mut outcome = Ok(());
    loop {
        while outcome.is_ok()
            && running.len() < AT_ONCE
            && let Some(write) = waiting.next()
        {
            running.push(write);
        }
        match running.next().await {
            Some(done) => outcome = outcome.and(done.map_err(partly)),
            None => return outcome,
        }
    }
}

/// Runs reads and gives what they found, in their order.
pub(super) async fn reads<T, F>(reads: Vec<F>) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

/// What a failure means once another write of the same call may have taken place: a part of it did.
pub(super) fn partly(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unknown(text),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn after_a_failure_no_further_write_begins_and_the_outcome_is_unknown() {
        let begun = Cell::new(0);
        let write = |number: usize| {
            let begun = &begun;
            async move {
                begun.set(begun.get() + 1);
                tokio::task::yield_now().await;
                if number == 0 { Err(StoreError::Unavailable("away".to_owned())) } else { Ok(()) }
            }
        };
        let outcome = writes((0..1_000).map(write).collect()).await;
        assert_eq!(outcome, Err(StoreError::Unknown("away".to_owned())));
        assert!(begun.get() <= 2 * AT_ONCE, "{}", begun.get());
    }

    #[tokio::test]
    async fn what_was_read_comes_in_order() {
        let read = |number: usize| async move {
            for _ in 0..(100 - number) % 7 {
                tokio::task::yield_now().await;
            }
            Ok(number)
        };
        assert_eq!(reads((0..100).map(read).collect()).await, Ok((0..100).collect()));
    }
}
