//! The signing key's file: generated at the first start, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use auth::SigningKey;

/// A key, and whether it was made just now.
pub(crate) struct KeyFile {
    pub(crate) key: SigningKey,
    pub(crate) generated: bool,
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
pub(crate) fn read_or_generate(path: &Path) -> anyhow::Result<KeyFile> {
    match std::fs::read_to_string(path) {
        Ok(text) => read(path, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => generate(path),
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
