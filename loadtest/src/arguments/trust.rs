//! Whom to believe to be the server, where the URL says TLS.

use std::path::PathBuf;

use clap::Args;
use client::tls::{Trust, TrustError};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrustArguments {
    /// Certificates in PEM form that make a server of a wss:// URL the right one; without it, those the system trusts
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Takes any server of a wss:// URL for the right one: to measure with a certificate that nobody has signed
    #[arg(long, global = true, conflicts_with = "ca_file")]
    pub insecure: bool,
}

impl TrustArguments {
    /// Reads the certificates.
    pub fn trust(&self) -> Result<Trust, TrustError> {
        match &self.ca_file {
            _ if self.insecure => Trust::anyone(),
            Some(file) => Trust::file(file),
            None => Trust::system(),
        }
    }
}
