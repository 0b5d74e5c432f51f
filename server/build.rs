//! Lists the files of the page, `web/` without its tests, so that they are built into the program.

use std::path::{Path, PathBuf};

/// What belongs to the page's development and not to the page.
const NOT_SERVED: &[&str] = &["tests", "node_modules", "package.json", "package-lock.json", "README.md"];

fn main() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    let mut files = vec![web.join("index.html")];
    collect(&web, &mut files);
    files.sort();
    files.dedup();
    // File by file: a folder would mean its tests and their node_modules too.
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    files.retain(|file| file.is_file());
    let entries: String = files.iter().map(|file| entry(&web, file)).collect();
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("page_files.rs"), format!("&[\n{entries}]\n")).expect("writable");
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("named").to_string_lossy();
        if NOT_SERVED.contains(&&*name) || name.starts_with('.') {
            continue;
        }
        if path.is_dir() { collect(&path, into) } else { into.push(path) }
    }
}

/// One `File { … }`. The index is served at `/`.
fn entry(web: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(web).expect("below").to_str().expect("UTF-8");
    let served = if relative == "index.html" { "/".to_owned() } else { format!("/{relative}") };
    let content_type = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        other => panic!("{relative}: which content type has {other:?}? Add it to server/build.rs"),
    };
    let absolute = file.canonicalize().expect("exists");
    format!(
        "File {{ path: {served:?}, content_type: {content_type:?}, bytes: include_bytes!({absolute:?}) }},\n"
    )
}
