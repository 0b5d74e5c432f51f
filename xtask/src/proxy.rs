//! A TCP proxy between two programs that can be told to misbehave: to delay, to hold everything back, to cut.
//!
//! ```text
//! client ─► listener ─► route (which upstream) ─► two pumps, one for each direction, both under one rule
//! ```
//!
//! **Guarantees.** Under [`Rule::Through`] bytes pass unchanged and in order. A new rule counts for the bytes of open
//! connections as well as for new ones.
//!
//! **Does not** lose or change single bytes: TCP would not either.
//!
//! **Limits.** Two threads a connection; a delay lets one buffer through at a time.

mod front;
mod pump;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

pub use front::Front;

/// The longest that connecting to an upstream may take.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Memory of a thread that moves bytes.
const STACK_BYTES: usize = 256 * 1024;

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// They pass.
    Through,
    /// They pass, each buffer that much later, in each direction.
    Delay(Duration),
    /// They wait, and nobody is told: as when a cable is out.
    Hold,
    /// Open connections are closed, new ones at once.
    Cut,
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub enum Route {
    /// Always there.
    To(SocketAddr),
    /// As its first line says.
    Front(Front),
}

/// A listening proxy. Dropping it ends it with all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all threads of one proxy see.
#[derive(Debug)]
struct Shared {
    route: Route,
    rule: Mutex<Rule>,
    open: Mutex<HashMap<u64, [TcpStream; 2]>>,
    next: AtomicU64,
    ended: AtomicBool,
}

impl Proxy {
    /// Listens at `address`; port 0 takes a free one.
    pub fn start(address: SocketAddr, route: Route) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("listening at {address}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            route,
            rule: Mutex::new(Rule::Through),
            open: Mutex::new(HashMap::new()),
            next: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        thread("proxy", move || accept(&listener, &accepting))?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn rule(&self, rule: Rule) {
        *lock(&self.shared.rule) = rule;
        if rule == Rule::Cut {
            self.shared.close_all();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.rule(Rule::Cut);
        // Wakes the listener, which then sees that it has ended.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT_MAX);
    }
}

impl Shared {
    fn rule(&self) -> Rule {
        *lock(&self.rule)
    }

    fn close_all(&self) {
        lock(&self.open).values().flatten().for_each(close);
    }

    /// Finds the other side of a new connection and moves bytes until one of them ends.
    fn connected(self: &Arc<Self>, client: TcpStream) -> anyhow::Result<()> {
        let (upstream, first) = self.route.connect(&client)?;
        for stream in [&client, &upstream] {
            stream.set_nodelay(true)?;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number, [client.try_clone()?, upstream.try_clone()?]);
        // Cut in the meantime, and not among the open ones then.
        if self.rule() == Rule::Cut {
            self.close_all();
        }
        let (back, from, to) = (self.clone(), upstream.try_clone()?, client.try_clone()?);
        thread("proxy-down", move || pump::run(&back, &from, &to, Vec::new()))?;
        pump::run(self, &client, &upstream, first);
        lock(&self.open).remove(&number);
        Ok(())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        if shared.ended.load(Ordering::Relaxed) {
            return;
        }
        if shared.rule() == Rule::Cut {
            close(&client);
            continue;
        }
        let shared = shared.clone();
        // Without a thread, or without an upstream, the client sees its socket closed.
        let _ = thread("proxy-up", move || {
            let _ = shared.connected(client);
        });
    }
}

/// A thread with a name and little memory; it ends with its sockets.
fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(body)?;
    Ok(())
}

fn close(stream: &TcpStream) {
    // It may be closed already.
    let _ = stream.shutdown(Shutdown::Both);
}

/// What is in a mutex is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
