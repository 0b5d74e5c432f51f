//! The key of servers that live as long as a measurement: all that are measured together have one, and nobody but this
//! machine reaches them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// As it is.
pub const KEY: &str = "bench-7q4Kx9-on-one-machine-Zv2Lw8Pj";
/// As a key file has it: base64url.
const TEXT: &str = "YmVuY2gtN3E0S3g5LW9uLW9uZS1tYWNoaW5lLVp2Mkx3OFBq";

/// Writes a key file, for the eyes of its owner alone.
pub fn write(path: &Path) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| path.display().to_string())?;
    writeln!(file, "{TEXT}").with_context(|| path.display().to_string())
}
