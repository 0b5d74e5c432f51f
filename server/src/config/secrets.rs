//! Secrets: written as a setting, or kept in a file that a setting names.

use super::reader::Reader;

/// The secret at `path`, or in the file that `path` with `_file` names; `None` when neither says anything.
pub(super) fn read(reader: &Reader, path: &str) -> Option<String> {
    let (written, file) = (reader.text(path), format!("{path}_file"));
    let from_file = from_file(reader, &file);
    if !written.is_empty() && from_file.is_some() {
        reader.problem(path, format!("is given twice, here and by {file}"));
    }
    from_file.or_else(|| (!written.is_empty()).then_some(written))
}

/// The content of the file that `path` names, without white space around it.
pub(super) fn from_file(reader: &Reader, path: &str) -> Option<String> {
    let file = reader.path(path)?;
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => reader.problem(path, format!("{} is empty", file.display())),
        Ok(text) => return Some(text.trim().to_owned()),
        Err(error) => reader.problem(path, format!("{} cannot be read: {error}", file.display())),
    }
    None
}
