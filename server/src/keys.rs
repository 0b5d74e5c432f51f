//! The signing key's file: readable by its owner alone. A process alone generates it at its first start; processes of a
//! cluster must all have the same one, so there it is only read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use auth::SigningKey;

use crate::config::Config;

/// A key, and whether it was made just now.
pub(crate) struct KeyFile {
    pub(crate) key: SigningKey,
    pub(crate) generated: bool,
}

/// The key as a process with these roles needs it: `None` when it can do without.
pub(crate) fn of_process(config: &Config) -> anyhow::Result<Option<KeyFile>> {
    let (path, roles) = (&config.auth.signing_key_file, config.roles);
    if !roles.has_front() {
        return Ok(None);
    }
    if config.bus.nats.is_none() {
        return read_or_generate(path).map(Some);
    }
    match existing(path)? {
        Some(key) => Ok(Some(key)),
        // Whom it trusts then is said in the configuration, and tokens of this server's own are not among it.
        None if !roles.api && !config.auth.issuers.is_empty() => Ok(None),
        None => Err(missing(config)),
    }
}

/// The key for a command that signs something.
pub(crate) fn for_signing(config: &Config) -> anyhow::Result<SigningKey> {
    let path = &config.auth.signing_key_file;
    if config.bus.nats.is_none() {
        make_data_dir(&config.data_dir)?;
        return Ok(read_or_generate(path)?.key);
    }
    Ok(existing(path)?.ok_or_else(|| missing(config))?.key)
}

/// `tidegate key`: makes the key if there is none; says where it is.
pub(crate) fn make(config: &Config) -> anyhow::Result<String> {
    let path = &config.auth.signing_key_file;
    if path.parent() == Some(config.data_dir.as_path()) {
        make_data_dir(&config.data_dir)?;
    }
    let made = if read_or_generate(path)?.generated { "generated just now" } else { "was there already" };
    Ok(format!(
        "{}: {made}; give the same file, mode 0600, to each gateway and API process (auth.signing_key_file)",
        path.display()
    ))
}

/// A key of its own would make every token of the others invalid here, and the other way round.
fn missing(config: &Config) -> anyhow::Error {
    let other_way = if config.roles.api {
        ""
    } else {
        "; a gateway can do without when [[auth.issuers]] names whose tokens to trust instead"
    };
    anyhow::anyhow!(
        "there is no signing key at {}: the processes of a cluster share one; make it once with `tidegate key`, and give the          same file to each gateway and API process with auth.signing_key_file (TIDEGATE_AUTH__SIGNING_KEY_FILE){other_way}",
        config.auth.signing_key_file.display()
    )
}

/// Makes the data directory when it is missing, for its owner alone. Says whether it did.
pub(crate) fn make_data_dir(dir: &Path) -> anyhow::Result<bool> {
    if dir.is_dir() {
        return Ok(false);
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| {
        format!(
            "the data directory {} cannot be made; choose another with data.dir (TIDEGATE_DATA__DIR), or make it \
             and give it to the user that runs tidegate",
            dir.display()
        )
    })?;
    Ok(true)
}

/// Reads the key, or generates it when there is none. Two processes that do so at once get the same key.
fn read_or_generate(path: &Path) -> anyhow::Result<KeyFile> {
    match existing(path)? {
        Some(key) => Ok(key),
        None => generate(path),
    }
}

fn existing(path: &Path) -> anyhow::Result<Option<KeyFile>> {
    match std::fs::read_to_string(path) {
        Ok(text) => read(path, &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| {
            format!(
                "the signing key {} cannot be read; it must belong to the user that runs tidegate",
                path.display()
            )
        }),
    }
}

fn read(path: &Path, text: &str) -> anyhow::Result<KeyFile> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    anyhow::ensure!(
        mode & 0o077 == 0,
        "the signing key {0} can be read by others (mode {mode:o}); run: chmod 600 {0}",
        path.display()
    );
    let key = SigningKey::from_text(text).with_context(|| {
        format!("the signing key {} is damaged; restore it, or move it away to get a new one", path.display())
    })?;
    Ok(KeyFile { key, generated: false })
}

fn generate(path: &Path) -> anyhow::Result<KeyFile> {
    let key = SigningKey::generate();
    // Written beside it and linked into place: the file appears whole or not at all, and the first one wins.
    let beside = path.with_extension(format!("new.{}", std::process::id()));
    let write = || -> std::io::Result<bool> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(key.to_text().as_bytes())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    let first = write().with_context(|| format!("the signing key {} cannot be written", path.display()))?;
    if first { Ok(KeyFile { key, generated: true }) } else { read_or_generate(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_generated_once_with_mode_0600_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.key");
        let first = read_or_generate(&path).unwrap();
        assert!(first.generated);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        let second = read_or_generate(&path).unwrap();
        assert!(!second.generated && second.key == first.key);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.key");
        read_or_generate(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = read_or_generate(&path).err().unwrap().to_string();
        assert!(open.contains("chmod 600"), "{open}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(read_or_generate(&path).err().unwrap().to_string().contains("damaged"));
    }
}
