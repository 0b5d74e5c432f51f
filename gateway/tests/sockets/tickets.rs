//! One-time tickets, answered at once or held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use auth::{Identity, Scopes};
use gateway::{TicketRedeemer, TicketRefusal};
use tokio::sync::watch;

use super::{now_seconds, user};

/// A ticket that is asked for while nobody knows tickets.
pub const TICKET_WHILE_AWAY: &str = "ticket-while-away";

/// Those that were made and not redeemed.
#[derive(Default)]
pub struct Tickets {
    made: Mutex<HashMap<String, Identity>>,
    asked: AtomicU64,
    held: watch::Sender<bool>,
}

impl Tickets {
    pub fn make(&self, name: &str) -> String {
        let ticket = format!("ticket-of-{name}");
        let identity = Identity {
            user: user(name),
            login: None,
            expires: now_seconds() + 600,
            scopes: Scopes::default(),
        };
        self.made.lock().unwrap().insert(ticket.clone(), identity);
        ticket
    }

    pub fn redeemer(self: Arc<Self>) -> TicketRedeemer {
        Arc::new(move |ticket| {
            let found = self.made.lock().unwrap().remove(ticket).ok_or(TicketRefusal::Unknown);
            let (away, tickets) = (ticket == TICKET_WHILE_AWAY, Arc::clone(&self));
            Box::pin(async move {
                tickets.pass().await;
                if away { Err(TicketRefusal::Away) } else { found }
            })
        })
    }

    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn let_go(&self) {
        self.held.send_replace(false);
    }

    pub fn until_asked(&self) {
        crate::client::wait_for("a ticket", || (self.asked.load(Ordering::SeqCst) > 0).then_some(()));
    }

    async fn pass(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // The sender is in self.
        let _ = self.held.subscribe().wait_for(|held| !*held).await;
    }
}
