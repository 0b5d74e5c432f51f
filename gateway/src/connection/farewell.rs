//! Closes a connection so that the last answer is heard (RFC 9112 section 9.6): a kernel that is left with unread bytes resets
//! the connection, and with it goes what the client has not read yet.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Says that nothing more comes and reads until the client has said the same. The caller bounds the time.
pub(super) async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    // A connection that broke is no longer read from either.
    if stream.shutdown().await.is_ok() {
        let mut bytes = [0; 512];
        while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    }
}
