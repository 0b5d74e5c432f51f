//! Tokens for the users of a run, signed here with the server's key: nobody has to be registered.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use auth::{Issuer, Scopes, SigningKey};
use clap::Args;
use proto::UserId;

/// How long a token is valid; longer than any run.
const TTL_SECONDS: u64 = 24 * 3600;

/// Where the key is, and what the tokens say.
#[derive(Args, Clone, Debug)]
pub struct TokenArguments {
    /// The server's signing key: signing.key in its data directory
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "secret")]
    pub key_file: Option<PathBuf>,
    /// The secret that the server trusts, instead of a key file
    #[arg(long, global = true, env = "TIDEGATE_SECRET", hide_env_values = true)]
    pub secret: Option<String>,
    /// The `iss` claim that the server expects
    #[arg(long, global = true, default_value = "tidegate")]
    pub issuer: String,
    /// The `aud` claim that the server expects
    #[arg(long, global = true, default_value = "tidegate")]
    pub audience: String,
}

impl TokenArguments {
    /// The same on the command line of another process, but for the secret.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--issuer".into(), (&self.issuer).into()];
        words.extend(["--audience".into(), (&self.audience).into()]);
        if let Some(file) = &self.key_file {
            words.extend(["--key-file".into(), file.into()]);
        }
        words
    }
}

/// Issues tokens.
#[derive(Clone)]
pub struct Tokens(Issuer);

impl Tokens {
    /// Reads the key. Without any argument, the key of a server that was started in this directory.
    pub fn read(arguments: &TokenArguments) -> anyhow::Result<Self> {
        let key = match (&arguments.secret, &arguments.key_file) {
            (Some(secret), _) => SigningKey::from_secret(secret.as_bytes()).context("--secret")?,
            (None, file) => {
                let default = PathBuf::from("tidegate-data/signing.key");
                let file = file.as_ref().unwrap_or(&default);
                let text = std::fs::read_to_string(file).with_context(|| {
                    format!("{}: name the server's key with --key-file, or use --secret", file.display())
                })?;
                SigningKey::from_text(&text).with_context(|| file.display().to_string())?
            }
        };
        Ok(Self(Issuer::new(key, arguments.issuer.clone(), arguments.audience.clone())))
    }

    /// A token for `user`.
    pub fn issue(&self, user: &UserId) -> String {
        let now = lifecycle::wall_clock_ms() / 1000;
        self.0.issue(user, None, &Scopes::default(), now, TTL_SECONDS)
    }
}

impl std::fmt::Debug for Tokens {
    /// Never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}
