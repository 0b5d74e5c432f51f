//! Where this process listens, told in a file of the data directory: port 0 takes a free port, and scripts must find it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::front::PublicPorts;

/// Name of the file.
const FILE: &str = "addresses.json";

/// What the file of a data directory says; `None` when no server has written one, or its last one has stopped in order.
pub(crate) fn read(data_dir: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&std::fs::read_to_string(data_dir.join(FILE)).ok()?).ok()
}

/// The file, removed when the server stops in order.
pub(crate) struct Addresses {
    path: PathBuf,
    content: String,
}

impl Addresses {
    /// Writes the file whole: a reader sees the old one or the new one. Without a public port that is `null`.
    pub(crate) fn write(
        data_dir: &Path,
        public: Option<PublicPorts>,
        admin: SocketAddr,
        program: &Path,
    ) -> std::io::Result<Self> {
        let (path, beside) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.{}", std::process::id())));
        let content = serde_json::json!({
            "pid": std::process::id(),
            "program": program,
            "public": public.map(|ports| ports.address.to_string()),
            "tls": public.and_then(|ports| ports.tls).map(|address| address.to_string()),
            "admin": admin.to_string(),
        });
        let content = format!("{content:#}\n");
        std::fs::write(&beside, &content)?;
        std::fs::rename(&beside, &path)?;
        Ok(Self { path, content })
    }

    /// Removes it: nobody listens there any more. One that another process has written since stays.
    pub(crate) fn remove(self) {
        if !std::fs::read_to_string(&self.path).is_ok_and(|content| content == self.content) {
            return tracing::debug!("addresses file is not ours any more");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "addresses file was gone already");
        }
    }
}
