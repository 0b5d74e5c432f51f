//! The task behind a [`crate::Client`]: keeps a socket, moves frames between it and the [`Session`], waits between
//! connects.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lifecycle::Tasks;
use proto::client_frame::Hello;
use proto::server_frame::Welcome;
use proto::{ClientFrame, CloseCode, ServerFrame};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::session::{Ask, Reaction, Session};
use crate::socket::{self, Incoming, Writer};
use crate::{ClientConfig, ConnectError, Notice, State};

/// Frames read ahead of the driver.
const INCOMING_MAX: usize = 64;
/// Consecutive refusals of the proof, each with a fresh token, after which the client ends.
const AUTH_REFUSALS_MAX: u32 = 3;
/// A socket that lived this long starts the series of waits anew.
const GOOD_SOCKET: Duration = Duration::from_secs(10);

pub(crate) struct Driver {
    pub config: ClientConfig,
    pub tasks: Tasks,
    pub asks: mpsc::Receiver<Ask>,
    /// `None` once the reader went away: then nobody needs what comes.
    pub notices: Option<mpsc::Sender<Notice>>,
    pub state: watch::Sender<State>,
    pub reads_again: Arc<AtomicU64>,
}

/// Why a socket ended.
enum End {
    /// Nobody needs it any more.
    Done,
    /// The server asked to leave at this time.
    Goaway,
    Lost(ConnectError),
}

/// A socket that said welcome.
struct Online {
    incoming: mpsc::Receiver<Incoming>,
    writer: Writer,
}

type Refresh = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

impl Driver {
    /// Runs until the client is dropped, the process drains, or the server refuses for good.
    pub(crate) async fn run(mut self) {
        let mut random: StdRng = StdRng::from_rng(&mut rand::rng());
        let session_random = StdRng::from_rng(&mut rand::rng());
        let mut session = Session::new(self.config.clone(), session_random, Instant::now());
        let (mut failures, mut auth_refusals) = (0_u32, 0_u32);
        let reason = loop {
            self.state.send_replace(State::Connecting);
            let opened = Instant::now();
            let resume = session.resume().map(str::to_owned);
            let end = match self.connect(resume.as_deref()).await {
                Ok((online, welcome)) => {
                    (failures, auth_refusals) = (0, 0);
                    session.connected(&welcome, Instant::now());
                    if resume.is_some() {
                        session.resumed(Instant::now());
                    }
                    self.state.send_replace(State::Online(welcome));
                    let end = self.converse(online, &mut session).await;
                    session.disconnected(Instant::now());
                    end
                }
                Err(error) => End::Lost(error),
            };
            if opened.elapsed() < GOOD_SOCKET {
                failures += 1;
            }
            let wait = match end {
                End::Done => break ConnectError::Ended,
                End::Goaway => Duration::ZERO,
                End::Lost(error) => {
                    tracing::debug!(%error, failures, "connection lost");
                    auth_refusals += u32::from(error.is_auth());
                    if error.is_final() || auth_refusals >= AUTH_REFUSALS_MAX {
                        break if error.is_auth() { ConnectError::Unauthenticated } else { error };
                    }
                    self.config.backoff.draw(failures, &mut random)
                }
            };
            self.state.send_replace(State::Waiting);
            if !self.pause(wait, &mut session).await {
                break ConnectError::Ended;
            }
        };
        self.state.send_replace(State::Ended(Arc::new(reason)));
    }

    /// Opens a socket and waits for its welcome.
    async fn connect(&self, resume: Option<&str>) -> Result<(Online, Box<Welcome>), ConnectError> {
        let opening = async {
            let (reader, writer) = socket::open(&self.config, resume).await?;
            let (sender, incoming) = mpsc::channel(INCOMING_MAX);
            self.tasks.spawn("client reader", read_all(reader, sender));
            welcomed(Online { incoming, writer }).await
        };
        tokio::select! {
            opened = tokio::time::timeout(self.config.connect_timeout, opening) => {
                opened.unwrap_or(Err(ConnectError::Timeout("connect and welcome")))
            }
            () = self.state.closed() => Err(ConnectError::Ended),
            () = self.tasks.draining() => Err(ConnectError::Ended),
        }
    }

    /// Waits before the next connect; what the application asks and gets goes on. `false`: do not connect again.
    async fn pause(&mut self, wait: Duration, session: &mut Session) -> bool {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return true,
                () = self.tasks.draining() => return false,
                () = self.state.closed() => return false,
                Some(ask) = self.asks.recv(), if session.takes_asks() => session.ask(ask),
                () = hand_over(&mut self.notices, session), if session.has_notice() => {}
            }
        }
    }

    /// Serves one socket until it ends.
    async fn converse(&mut self, mut online: Online, session: &mut Session) -> End {
        let mut refresh: Option<Refresh> = None;
        let mut leave_at = None;
        loop {
            if let Err(end) = self.flush(&mut online.writer, session).await {
                return end;
            }
            if session.is_dead(Instant::now()) {
                return End::Lost(ConnectError::Timeout("any sign of life"));
            }
            let (due, has_notice) = (session.next_due(), session.has_notice());
            tokio::select! {
                biased;
                () = self.tasks.draining() => return goodbye(online.writer).await,
                () = self.state.closed() => return goodbye(online.writer).await,
                () = tokio::time::sleep_until(leave_at.unwrap_or(due)), if leave_at.is_some() => {
                    goodbye(online.writer).await;
                    return End::Goaway;
                }
                () = hand_over(&mut self.notices, session), if has_notice => {}
                incoming = online.incoming.recv() => {
                    let reaction = match react(incoming, &mut online.writer, session).await {
                        Ok(reaction) => reaction,
                        Err(end) => return end,
                    };
                    match reaction {
                        Reaction::None => {}
                        Reaction::RefreshToken => refresh = Some(self.config.tokens.get()),
                        // Until then this socket is as good as ever.
                        Reaction::Reconnect { after_ms } => {
                            leave_at = Some(Instant::now() + Duration::from_millis(u64::from(after_ms)));
                        }
                    }
                }
                Some(ask) = self.asks.recv(), if session.takes_asks() => session.ask(ask),
                token = pending_or(&mut refresh) => {
                    refresh = None;
                    match token {
                        Ok(auth) => {
                            let hello = Hello { auth, device: self.config.device.clone(), resume: None };
                            if let Err(end) = self.write(&mut online.writer, &ClientFrame::Hello(hello)).await {
                                return end;
                            }
                        }
                        Err(problem) => tracing::debug!(problem, "no fresh token, the socket will end"),
                    }
                }
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// Writes everything that may leave now.
    async fn flush(&self, writer: &mut Writer, session: &mut Session) -> Result<(), End> {
        session.poll(Instant::now());
        self.reads_again.store(session.reads_again(), Ordering::Relaxed);
        while let Some(frame) = session.next_frame() {
            self.write(writer, &frame).await?;
        }
        Ok(())
    }

    /// Writes one frame; a server that does not take it in time is lost.
    async fn write(&self, writer: &mut Writer, frame: &ClientFrame) -> Result<(), End> {
        match tokio::time::timeout(self.config.answer_timeout, writer.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost(ConnectError::Closed(None))),
            Err(_) => Err(End::Lost(ConnectError::Timeout("the server to read"))),
        }
    }
}

/// Gives the reader one notice, once there is room; cancelled, it gave none.
async fn hand_over(notices: &mut Option<mpsc::Sender<Notice>>, session: &mut Session) {
    let now = Instant::now();
    let Some(sender) = notices else {
        session.next_notice(now);
        return;
    };
    let gone = match sender.reserve().await {
        Ok(permit) => {
            if let Some(notice) = session.next_notice(Instant::now()) {
                permit.send(notice);
            }
            false
        }
        Err(_) => true,
    };
    if gone {
        *notices = None;
    }
}

async fn react(
    incoming: Option<Incoming>,
    writer: &mut Writer,
    session: &mut Session,
) -> Result<Reaction, End> {
    match incoming {
        Some(Incoming::Frame(frame)) => Ok(session.frame(frame, Instant::now())),
        Some(Incoming::Ping(payload)) => match writer.pong(payload).await {
            Ok(()) => Ok(Reaction::None),
            Err(_) => Err(End::Lost(ConnectError::Closed(None))),
        },
        Some(Incoming::Unknown(error)) => {
            tracing::debug!(%error, "frame ignored");
            Ok(Reaction::None)
        }
        Some(Incoming::Close(code)) => Err(End::Lost(ConnectError::Closed(code))),
        None => Err(End::Lost(ConnectError::Closed(None))),
    }
}

async fn welcomed(mut online: Online) -> Result<(Online, Box<Welcome>), ConnectError> {
    loop {
        match online.incoming.recv().await {
            Some(Incoming::Frame(ServerFrame::Welcome(welcome))) => return Ok((online, welcome)),
            Some(Incoming::Close(code)) => return Err(ConnectError::Closed(code)),
            None => return Err(ConnectError::Closed(None)),
            Some(Incoming::Frame(_) | Incoming::Ping(_) | Incoming::Unknown(_)) => {}
        }
    }
}

/// Reads until the socket fails or nobody listens any more.
async fn read_all(mut reader: socket::Reader, sender: mpsc::Sender<Incoming>) {
    loop {
        let incoming = tokio::select! {
            incoming = reader.next() => incoming,
            () = sender.closed() => return,
        };
        match incoming {
            Ok(incoming) => {
                if sender.send(incoming).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "socket ended");
                return;
            }
        }
    }
}

async fn goodbye(mut writer: Writer) -> End {
    // A server that is gone need not hear it.
    let _ = tokio::time::timeout(Duration::from_secs(1), writer.close(CloseCode::Normal)).await;
    End::Done
}

async fn pending_or(refresh: &mut Option<Refresh>) -> Result<String, String> {
    match refresh {
        Some(refresh) => refresh.await,
        None => std::future::pending().await,
    }
}
