//! Who may call no more, though their token is good by itself: it was signed before they were signed out, or their account disabled.
//!
//! **Guarantees.** Such a call is refused by the process where that was asked for at once, by all others within [`KNOWN_FOR`]: what the store
//! said of a caller is not remembered when somebody was signed out while it was asked.
//!
//! **Does not** know of logins that other issuers keep: their tokens are good until they end. Services have no logins.
//!
//! **Limits.** [`CALLERS_MAX`] callers are remembered; about more the store is asked with each call.

use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth::Identity;
use hashbrown::HashMap;
use proto::{Code, LoginId, UserId};
use store::Standing;
use tokio::time::Instant;

use crate::Shared;
use crate::problem::Problem;

/// For how long the store is not asked again about a caller who stood well.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Callers who are remembered.
const CALLERS_MAX: usize = 65_536;
/// Users who share a slot are asked about once more when one of them is forgotten.
const FORGOTTEN_SLOTS: usize = 1_024;
/// So few are not looked through for those that are old.
const SWEEP_MIN: usize = 1_024;

/// Callers who stood well a moment ago.
#[derive(Default)]
pub(crate) struct Standings(Mutex<Known>);

#[derive(Default)]
struct Known {
    until: HashMap<Holder, Instant>,
    /// With so many it is time to look for old ones.
    sweep_at: usize,
    /// How often users were forgotten, by a hash of their names: it need not be known of whom, and there is no end of users.
    forgotten: Forgotten,
}

struct Forgotten([u32; FORGOTTEN_SLOTS]);

/// What is not known of a caller, as it was when the store was about to be asked.
#[derive(Clone, Copy)]
struct Doubt {
    slot: usize,
    forgotten: u32,
}

/// A user with one of their logins, or with a token of none.
type Holder = (UserId, Option<LoginId>);

impl Default for Forgotten {
    fn default() -> Self {
        Self([0; FORGOTTEN_SLOTS])
    }
}

impl Standings {
    /// None, of a caller who is known to stand well.
    fn doubt(&self, caller: &Holder) -> Option<Doubt> {
        let known = self.known();
        let is_known = known.until.get(caller).is_some_and(|until| *until > Instant::now());
        let slot = known.slot(&caller.0);
        (!is_known).then(|| Doubt { slot, forgotten: known.forgotten.0[slot] })
    }

    /// The store said after the doubt that the caller stands well.
    fn note(&self, caller: Holder, doubt: Doubt) {
        let mut known = self.known();
        if known.forgotten.0[doubt.slot] != doubt.forgotten {
            return;
        }
        let now = Instant::now();
        if known.until.len() >= known.sweep_at {
            known.until.retain(|_, until| *until > now);
            known.sweep_at = (2 * known.until.len()).clamp(SWEEP_MIN, CALLERS_MAX);
        }
        if known.until.len() < CALLERS_MAX {
            known.until.insert(caller, now + KNOWN_FOR);
        }
    }

    /// Asks the store about every login of the user anew.
    pub(crate) fn forget(&self, user: &UserId) {
        let mut known = self.known();
        let slot = known.slot(user);
        known.forgotten.0[slot] = known.forgotten.0[slot].wrapping_add(1);
        known.until.retain(|(known, _), _| known != user);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn slot(&self, user: &UserId) -> usize {
        self.until.hasher().hash_one(user) as usize % FORGOTTEN_SLOTS
    }
}

impl Shared {
    /// Whether who holds a good token may call.
    pub(crate) async fn check_standing(&self, identity: &Identity) -> Result<(), Problem> {
        let login = identity.login.clone().filter(LoginId::is_kept_here);
        let caller = (identity.user.clone(), login);
        if identity.is_service() {
            return Ok(());
        }
        let Some(doubt) = self.standings.doubt(&caller) else { return Ok(()) };
        match self.store.standing(&caller.0, caller.1.as_ref()).await? {
            Standing::Good => {
                self.standings.note(caller, doubt);
                Ok(())
            }
            Standing::SignedOut => {
                Err(Problem::new(Code::Unauthenticated, "this login has ended; log in again"))
            }
            Standing::Disabled => Err(Problem::new(Code::Forbidden, "the account is disabled")),
        }
    }
}
