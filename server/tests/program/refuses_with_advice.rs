//! What cannot work is refused with its exit code and with words that say what to do.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::process::{Tidegate, command};

fn refused(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(folder);
    let Output { status, stderr, .. } =
        command.envs(settings.iter().copied()).args(arguments).output().expect("it runs");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

#[test]
fn a_port_in_use_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, setting) in
        [("TIDEGATE_PUBLIC__LISTEN", "public.listen"), ("TIDEGATE_ADMIN__LISTEN", "admin.listen")]
    {
        let (code, words) = refused(folder.path(), &[(variable, &address)], &[]);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(&address) && words.contains(setting) && words.contains(variable), "{words}");
    }
}

#[test]
fn a_second_server_cannot_share_the_port_of_the_first() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Tidegate::start(folder.path());
    let (code, words) = refused(other.path(), &[("TIDEGATE_PUBLIC__LISTEN", first.public())], &[]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("public.listen"), "{words}");
}

#[test]
fn a_data_directory_in_use_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Tidegate::start(folder.path());
    let (code, words) = refused(folder.path(), &[], &[]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("tidegate-data") && words.contains("data.dir"), "{words}");
}

#[test]
fn a_data_directory_that_cannot_be_made_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let (code, words) = refused(folder.path(), &[("TIDEGATE_DATA__DIR", "file/data")], &[]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("file/data") && words.contains("data.dir"), "{words}");
}

#[test]
fn a_wrong_configuration_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [("TIDEGATE_LOG__FLITER", "info"), ("TIDEGATE_DRAIN__TIMEOUT", "soon")];
    let (code, words) = refused(folder.path(), &wrong, &[]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("did you mean log.filter?") && words.contains("drain.timeout"), "{words}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_unknown_argument_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refused(folder.path(), &[], &["--prot", "80"]).0, Some(2));
}
