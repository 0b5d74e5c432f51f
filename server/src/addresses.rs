//! Where this process listens, told in a file of the data directory: port 0 takes a free port, and scripts must find it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Name of the file.
const FILE: &str = "addresses.json";

/// The file, removed when the server stops in order.
pub(crate) struct Addresses(PathBuf);

impl Addresses {
    /// Writes the file whole: a reader sees the old one or the new one.
    pub(crate) fn write(data_dir: &Path, public: SocketAddr, admin: SocketAddr) -> std::io::Result<Self> {
        let (path, beside) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.new")));
        let content = serde_json::json!({
            "pid": std::process::id(),
            "public": public.to_string(),
            "admin": admin.to_string(),
        });
        std::fs::write(&beside, format!("{content:#}\n"))?;
        std::fs::rename(&beside, &path)?;
        Ok(Self(path))
    }

    /// Removes it: nobody listens there any more.
    pub(crate) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "addresses file was gone already");
        }
    }
}
