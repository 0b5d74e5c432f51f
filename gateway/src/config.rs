//! What a gateway is told before it starts. The file shape and the defaults live in `server`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::proxy::TrustedProxies;
use crate::tls::Tls;

/// Everything a gateway needs to know.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where TLS is spoken, if it is.
    pub tls: Option<TlsPort>,
    /// Shards: one thread, listener and bus node each. Usually one per core.
    pub shards: usize,
    /// A busy shard looks for work at most so often, and what comes in between is read and written together; zero: at once.
    pub batch_window: Duration,
    /// Which web pages may open sockets.
    pub origins: Origins,
    /// Whose word about a client's address is taken.
    pub proxies: TrustedProxies,
    /// Whether messages may be compressed, and how; `None`: it is not offered.
    pub compression: Option<Compression>,
    /// How many sockets a user may have.
    pub login_policy: LoginPolicy,
    /// Who is let in.
    pub admission: AdmissionLimits,
    /// What one session may do.
    pub session: SessionLimits,
    /// How much waits for one slow reader.
    pub mailbox: MailboxLimits,
    /// Sessions that are told a broadcast in one second, over all shards.
    pub broadcast_per_second: u32,
    /// When sockets are found dead, or out of time.
    pub timeouts: Timeouts,
    /// How the gateway goes away.
    pub drain: DrainPlan,
}

/// Where and how TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsPort {
    /// A port of its own; `None`: the public port speaks TLS, and nothing else.
    pub listen: Option<SocketAddr>,
    /// Who the server is.
    pub tls: Tls,
    /// What part of a shard's time handshakes may take, in percent.
    pub handshakes_percent: u8,
}

/// Which `Origin` headers are accepted. A request without one comes from no web page and is always accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Only pages whose origin's host and port equal the `Host` header.
    Same,
    /// Same origin, or exactly one of these, such as `https://chat.example.org`.
    Listed(Vec<String>),
}

/// `permessage-deflate` (RFC 7692), where a client asks for it. No window is kept between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The window of what is sent is `2^window_bits` bytes, 9 to 15; who wants a smaller one is sent plain messages.
    pub window_bits: u8,
    /// Smaller messages are sent as they are.
    pub bytes_min: usize,
    /// How many times its size a message of a client may inflate to, if that is more than 16 KiB. Above: close 1009.
    pub ratio_max: u32,
}

/// How many sockets a user may have. The newest stays; the others are closed with 4409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginPolicy {
    /// As many as there are devices.
    Many,
    /// One of each kind of device. The kind is the device's name up to the first `-`.
    OnePerKind,
    /// One.
    Exclusive,
}

/// Bounds that hold for the whole process, over all shards.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionLimits {
    /// Open connections of any kind. At the bound one more waits in each shard, and the others in the kernel's backlog.
    pub connections_max: usize,
    /// Connections whose first request has not arrived. At the bound the same happens.
    pub handshakes_max: usize,
    /// Connections of one address (one /64 for IPv6); loopback is exempt. Above it the answer is 429, and the end.
    pub per_address_max: u32,
    /// New connections of one address. Above it the same.
    pub per_address_connects: RateLimit,
    /// Sockets of one user. Above it the answer is 429, or close 1013 when the proof came by `hello`.
    pub per_user_max: u32,
    /// What the sockets of one user may ask for together. Above it: `nack RATE`.
    pub user_rates: UserRateLimits,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Sustained.
    pub per_second: u32,
    /// At once after a rest.
    pub burst: u32,
}

impl RateLimit {
    /// As the generic cell rate algorithm wants it; a zero counts as one.
    pub(crate) fn interval_and_tolerance_us(&self) -> (u64, u64) {
        let interval_us = (1_000_000 / u64::from(self.per_second.max(1))).max(1);
        (interval_us, interval_us * u64::from(self.burst.max(1) - 1))
    }
}

/// Rates of one user over all sockets of the process, by what a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRateLimits {
    /// Commands of any kind but `hello` and `ping`.
    pub commands: RateLimit,
    /// Commands that change something and that others are told of.
    pub writes: RateLimit,
    /// Commands that read a log or a list.
    pub reads: RateLimit,
    /// `typing`, `read` and `delivered`.
    pub signals: RateLimit,
}

/// Bounds of one session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Bytes of one message from the client. Above: close 1009.
    pub message_bytes_max: u32,
    /// Fragments of one message. Above: close 1009.
    pub fragments_max: u32,
    /// Commands a second, sustained. Above: `nack RATE`.
    pub commands_per_second: u32,
    /// Commands at once after a rest.
    pub commands_burst: u32,
    /// `nack RATE`s without a rest in between before close 4429.
    pub rate_strikes_max: u16,
    /// Commands without an answer. At the bound the socket is not read.
    pub unanswered_max: u16,
    /// Frames that do not parse, over the session's life. Each: `nack BAD_FRAME`; at the bound: close 1007.
    pub bad_frames_max: u8,
    /// `sync`s that wait for interest. Above: `nack BUSY`.
    pub waiting_syncs_max: usize,
    /// Users whose presence one session may watch. Above: `nack TOO_MANY`.
    pub presence_watched_max: usize,
    /// Live rooms that it is in, or asks for. Above: `nack TOO_MANY`.
    pub rooms_max: usize,
    /// The advice in `nack BUSY`, and in `nack UNAVAILABLE` when the bus is away.
    pub busy_retry_ms: u32,
}

/// Bounds of one session's mailbox. What happens when it is full is told in [`crate`].
#[derive(Clone, Copy, Debug)]
pub struct MailboxLimits {
    /// Bytes of pushed frames; replies may take four times as much.
    pub bytes_max: u32,
    /// Frames.
    pub frames_max: u32,
    /// Bytes in the mailboxes of all sessions together, each frame counted for every mailbox that it waits in; shards
    /// have equal parts. At the bound nothing more waits for a client that does not read.
    pub all_bytes_max: u64,
    /// Bytes that the kernel takes for one socket before they are sent; what the peer has not taken waits there first.
    pub unsent_bytes_max: u32,
    /// Conversations remembered while lagging. Above: one `resync` instead of heads.
    pub dirty_conversations_max: usize,
    /// A mailbox that lags, or of which the socket takes nothing, for this long closes the socket with 4408.
    pub lagging_timeout: Duration,
}

/// When sockets are found dead, or out of time. Told to a tenth of a second.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of an HTTP request, the handshake among them; and before it for that of TLS.
    pub handshake: Duration,
    /// For the first `hello`, when the handshake carried no proof. Then: close 4401.
    pub hello: Duration,
    /// For a message, or a part of a frame, that has begun. Then: close 4408.
    pub message: Duration,
    /// Silence of the peer before the gateway pings.
    pub ping_after: Duration,
    /// Silence after that ping before close 4408. Also the kernel's limit for unacknowledged bytes.
    pub pong: Duration,
    /// For the peer's half of the close handshake.
    pub close: Duration,
    /// `auth_expiring` goes out this long before the token ends.
    pub auth_warning: Duration,
    /// How long the interest in a user outlives the last session at least.
    pub interest_linger_min: Duration,
    /// And at most; each time a random part of what is between. Zero: it ends with the session.
    pub interest_linger_max: Duration,
    /// Without any answer for this long, unanswered commands count as lost.
    pub unanswered: Duration,
    /// `Connected` is sent again after this, and what else waits for an answer of a router.
    pub connected_retry: Duration,
    /// Between two states of one user that are told to those who watch.
    pub presence_interval: Duration,
    /// After this a router is asked again about all that a session watches: what the bus lost, and who left without a word.
    pub presence_renewal: Duration,
}

/// How the gateway goes away.
#[derive(Clone, Copy, Debug)]
pub struct DrainPlan {
    /// Clients that are sent away in a second, over all shards: each has a time of its own to come back.
    pub reconnects_per_second: u32,
    /// Sessions told per hundredth of a second and shard.
    pub sessions_per_slice: usize,
    /// From the time at which a client should leave to the close of its socket.
    pub notice: Duration,
    /// From the start of the drain to the end of the shard, whatever is left.
    pub timeout: Duration,
}
