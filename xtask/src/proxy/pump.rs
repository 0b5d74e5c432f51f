//! One direction of one connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::{Rule, Shared, close};

const BUFFER_BYTES: usize = 64 * 1024;
/// How often a direction that holds its bytes back looks whether it still must.
const LOOK: Duration = Duration::from_millis(10);

/// Writes `first`, then what can be read, until either side ends.
pub(super) fn run(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream, first: Vec<u8>) {
    let mut buffer = first;
    let mut filled = buffer.len();
    buffer.resize(BUFFER_BYTES.max(filled), 0);
    loop {
        if filled > 0 && (!may_pass(shared) || to.write_all(&buffer[..filled]).is_err()) {
            close(from);
            return close(to);
        }
        match from.read(&mut buffer) {
            // A half that is closed is passed on as that: the answer may still be on its way.
            Ok(0) => {
                may_pass(shared);
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(length) => filled = length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => filled = 0,
            Err(_) => {
                close(from);
                return close(to);
            }
        }
    }
}

/// Waits as the rule says; `false` when the bytes must not pass any more.
fn may_pass(shared: &Shared) -> bool {
    loop {
        match shared.rule() {
            Rule::Through => return true,
            Rule::Delay(delay) => {
                std::thread::sleep(delay);
                return shared.rule() != Rule::Cut;
            }
            Rule::Hold => std::thread::sleep(LOOK),
            Rule::Cut => return false,
        }
    }
}
