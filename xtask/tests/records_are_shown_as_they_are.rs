//! The table of records is what `cargo xtask table` makes of them.

use xtask::table::{self, Manifest, Server};

#[test]
fn the_page_is_what_comes_out_of_the_records() {
    let folder = table::folder();
    let written = std::fs::read_to_string(folder.join("README.md")).expect("the page");
    let generated = table::generate(&folder).expect("generated");
    assert!(written == generated, "run cargo xtask table");
}

#[test]
fn every_record_has_the_figures_that_its_row_shows() {
    let folder = table::folder();
    let manifest = Manifest::read(&folder.join("table.toml")).expect("the rows");
    let mut records = 0;
    for row in &manifest.row {
        for server in Server::ALL {
            let Some(record) = table::find(&folder, row, server).expect("read") else { continue };
            records += 1;
            // A run that was not good may lack some: the page marks it.
            if record.report["exit_code"] != 0 {
                continue;
            }
            for picked in row.figures.iter().filter(|picked| !picked.later) {
                let figure = &record.report["figures"][&picked.name];
                assert!(figure["value"].is_number(), "{}: {}", record.path.display(), picked.name);
            }
        }
    }
    assert!(records >= 3, "{records}");
}
