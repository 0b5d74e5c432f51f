//! The layers, the problems they report, and the promise that each default is read.

use std::path::PathBuf;

use super::layers::Layers;
use super::reader::Reader;
use super::{Config, DEFAULTS, layers, print};
use crate::roles::{Role, Roles};

fn with_file(text: &str) -> Layers {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("my.toml");
    std::fs::write(&file, text).expect("a file");
    layers(&[file], std::iter::empty())
}

fn problems(layers: Layers) -> Vec<String> {
    let found = Config::load(layers, Roles::ALL).err().unwrap_or_default();
    found.into_iter().map(|problem| format!("{}: {}", problem.path, problem.text)).collect()
}

fn variable(name: &str, value: &str) -> impl Iterator<Item = (String, String)> + use<> {
    std::iter::once((name.to_owned(), value.to_owned()))
}

#[test]
fn the_defaults_are_valid_and_every_one_is_read() {
    let reader = Reader::new(Layers::defaults());
    Config::read(&reader, Roles::ALL);
    let read = reader.paths_read();
    let idle: Vec<_> = Layers::defaults().names().into_iter().filter(|path| !read.contains(path)).collect();
    assert_eq!(idle, Vec::<String>::new(), "settings that nothing reads");
    assert!(reader.into_problems().is_empty());
}

#[test]
fn every_default_has_a_comment_above_it() {
    let mut before = "";
    for line in DEFAULTS.lines() {
        let is_setting = line.contains(" = ") && !line.starts_with('#');
        let continues = before.contains(" = ") && !before.starts_with('#');
        assert!(!is_setting || before.starts_with('#') || continues, "{line} has no comment");
        before = line;
    }
}

#[test]
fn all_problems_are_reported_at_once_with_their_paths() {
    let found = problems(with_file(
        "[public]\nlisten = 8080\n[gatway]\nshards = 1\n[log]\nlevel = \"info\"\nfilter = \"a=b=c\"\n\
         [drain]\ntimeout = \"soon\"\n[runtime]\nworker_threads = 0\n[bus]\ncomands_max = 3\n",
    ));
    for expected in [
        "public.listen: must be a text in quotes, not integer",
        "log.level: there is no such setting; here it is called log.filter",
        "drain.timeout: \"soon\" is no duration; write for example \"250ms\", \"25s\" or \"15m\"",
        "runtime.worker_threads: 0 is not between 1 and 1024",
        "bus.comands_max: there is no such setting; did you mean bus.commands_max",
        "log.filter: the log filter is not valid",
        "gatway.shards: there is no such setting",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected} in {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn settings_that_do_not_go_together_are_a_problem() {
    let found = problems(with_file("[drain]\ntimeout = \"10s\"\n[auth]\nrefresh_ttl = \"1m\"\n"));
    assert_eq!(
        found,
        [
            "auth.access_ttl: must not be longer than auth.refresh_ttl",
            "drain.timeout: must be longer than gateway.drain_timeout"
        ]
    );
}

#[test]
fn a_mailbox_is_no_larger_than_what_moves_to_another_process() {
    assert!(problems(with_file("[gateway]\nmailbox_bytes_max = \"8MiB\"\n")).is_empty());
    let found = problems(with_file("[gateway]\nmailbox_bytes_max = \"9MiB\"\n"));
    assert!(found.len() == 1 && found[0].starts_with("gateway.mailbox_bytes_max: "), "{found:?}");
}

#[test]
fn sections_within_sections_are_named_with_dots_everywhere() {
    let text = "[store.cql]\nnodes = [\"a:1\"]\nkeyspace = \"Chat\"\n[bus]\nnats.prefix = \"a b\"\n[store.cqll]\nx = 1\n";
    let found = problems(with_file(text));
    for expected in [
        "store.cql.keyspace: must be up to 48",
        "bus.nats.prefix: a subject prefix has",
        "store.cqll.x: there is no such setting",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected} in {found:#?}");
    }
    assert_eq!(found.len(), 3, "{found:#?}");
    let wrong = problems(layers(&[], variable("TIDEGATE_STORE__CQL", "x")));
    assert_eq!(wrong, ["store.cql: is a section: write [store.cql] and its settings below"]);
    let nodes = Config::load(layers(&[], variable("TIDEGATE_STORE__CQL__NODES", "a:1,b:2")), Roles::ALL);
    assert!(nodes.is_ok());
    let typo = problems(layers(&[], variable("TIDEGATE_STORE_CQL_NODES", "a:1")));
    assert_eq!(typo, ["store.cql.nodes: is written TIDEGATE_STORE__CQL__NODES, with two underscores"]);
}

#[test]
fn roles_that_cannot_work_alone_are_a_problem() {
    let found = |roles: &[Role], text: &str| -> Vec<String> {
        let found = Config::load(with_file(text), Roles::of(roles)).err().unwrap_or_default();
        found.into_iter().map(|problem| format!("{}: {}", problem.path, problem.text)).collect()
    };
    let joined = "[bus.nats]\nurls = [\"nats://h:4222\"]\n";
    let cql = "[store]\nkind = \"cql\"\n[store.cql]\nnodes = [\"h:9042\"]\n";
    let alone = found(&[Role::Gateway], "");
    assert!(alone[0].starts_with("bus.nats.urls: must name a NATS server: with --role gateway"), "{alone:?}");
    assert_eq!(found(&[Role::Gateway], joined), Vec::<String>::new());
    assert_eq!(found(&[Role::Router], joined), Vec::<String>::new(), "the only router may be embedded");
    assert_eq!(found(&[Role::Router, Role::Api], joined), Vec::<String>::new());
    let api = found(&[Role::Api], joined);
    assert!(api.len() == 1 && api[0].starts_with("store.kind: must be \"cql\""), "{api:?}");
    assert_eq!(found(&[Role::Api], &format!("{joined}{cql}")), Vec::<String>::new());
    let no_nodes = found(&[], "[store]\nkind = \"cql\"\n");
    assert!(no_nodes[0].starts_with("store.cql.nodes: must name a node"), "{no_nodes:?}");
}

#[test]
fn secrets_come_from_one_place_and_are_never_printed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-a-file\n").unwrap();
    let path = file.path().display();
    let both = format!("[redis]\nurl = \"redis://h\"\npassword = \"written\"\npassword_file = \"{path}\"\n");
    assert_eq!(
        problems(with_file(&both)),
        ["redis.password: is given twice, here and by redis.password_file"]
    );
    let one = format!("[redis]\nurl = \"redis://me:in-the-url@h:1/0\"\npassword_file = \"{path}\"\n");
    let config = Config::load(with_file(&one), Roles::ALL).ok().unwrap();
    assert_eq!(config.redis.unwrap().password.as_deref(), Some("from-a-file"));

    let nats = "[bus.nats]\nurls = [\"nats://u:secret-1@h:4222\"]\nuser = \"u\"\npassword = \"secret-2\"\ntoken = \"secret-3\"\n";
    let found = problems(with_file(nats));
    assert!(found.len() == 2 && !found.concat().contains("secret"), "{found:?}");
    let printed = print(&with_file(&format!("{nats}{one}[store.cql]\npassword = \"secret-4\"\n")));
    assert!(!printed.contains("secret-") && !printed.contains("in-the-url"), "{printed}");
    let missing = problems(with_file("[bus.nats]\ncredentials_file = \"/nowhere.creds\"\n"));
    assert!(
        missing[0].starts_with("bus.nats.credentials_file: /nowhere.creds cannot be read"),
        "{missing:?}"
    );
}

#[test]
fn presence_settings_go_together() {
    let found = problems(with_file("[presence]\nbeat = \"10s\"\n[redis]\nurl = \"http://h\"\n"));
    assert_eq!(
        found,
        [
            "presence.silent_after: must be at least twice presence.beat",
            "redis.url: this is no URL of a Redis server; write for example \"redis://10.0.0.1:6379\""
        ]
    );
}

#[test]
fn a_later_layer_wins_key_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("1.toml"), dir.path().join("2.toml"));
    std::fs::write(&first, "[bus]\ncommands_max = 100\ndeliveries_max = 100\n").unwrap();
    std::fs::write(&second, "[bus]\ncommands_max = 200\n").unwrap();
    let layers = layers(&[first, second], variable("TIDEGATE_BUS__DELIVERIES_MAX", "300"));
    let config = Config::load(layers, Roles::ALL).ok().unwrap();
    assert_eq!((config.bus.limits.commands, config.bus.limits.deliveries), (200, 300));
}

#[test]
fn variables_that_are_no_setting_are_refused() {
    let of = |name: &str, value: &str| problems(layers(&[], variable(name, value)));
    let typo = of("TIDEGATE_LOG__FLITER", "debug");
    assert_eq!(typo, ["log.fliter: there is no such setting; did you mean log.filter?"]);
    let single = of("TIDEGATE_LOG_FILTER", "debug");
    assert_eq!(single, ["log.filter: is written TIDEGATE_LOG__FILTER, with two underscores"]);
    let kind = of("TIDEGATE_BUS__COMMANDS_MAX", "many");
    assert_eq!(kind, ["bus.commands_max: must be a whole number, not string"]);
    assert!(of("TIDEGATE_BIN", "/x").is_empty() && of("HOME", "/x").is_empty());
}

#[test]
fn files_that_are_missing_or_no_toml_are_problems() {
    let missing = problems(layers(&[PathBuf::from("/nowhere/x.toml")], std::iter::empty()));
    assert!(missing[0].starts_with("/nowhere/x.toml: cannot be read"), "{missing:?}");
    assert!(problems(with_file("[bus"))[0].contains("is not TOML"));
}

#[test]
fn an_issuer_needs_exactly_one_source_of_good_keys() {
    let issuer = |rest: &str| {
        problems(with_file(&format!("[[auth.issuers]]\nissuer = \"https://i\"\naudience = \"chat\"\n{rest}")))
    };
    let secret = "secret = \"0123456789abcdefghijklmnopqrstuvwxyz\"";
    assert!(issuer(secret).is_empty());
    assert!(issuer("jwks_url = \"https://i/jwks\"").is_empty());
    for (rest, expected) in [
        ("", "auth.issuers: [0]: exactly one of"),
        ("secret = \"your-secret-key\"", "auth.issuers: [0].secret: the secret is a known sample"),
        ("jwks_url = \"http://i/jwks\"", "auth.issuers: [0].jwks_url: must begin with https://"),
        ("jwks_url = \"http://localhost.i/jwks\"", "auth.issuers: [0].jwks_url: must begin with https://"),
        (
            "public_key_file = \"/nowhere.pem\"",
            "auth.issuers: [0].public_key_file: /nowhere.pem cannot be read",
        ),
        ("secrt = \"x\"", "auth.issuers: [0].secrt: there is no such setting; did you mean secret?"),
    ] {
        let found = issuer(rest);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected} in {found:#?}");
    }
}

#[test]
fn print_config_hides_secrets_and_names_origins() {
    let secret = "0123456789abcdefghijklmnopqrstuvwxyz";
    let layers = with_file(&format!(
        "[log]\nfilter = \"debug\"\n[[auth.issuers]]\nissuer = \"i\"\naudience = \"a\"\nsecret = \"{secret}\"\n"
    ));
    let printed = print(&layers);
    assert!(!printed.contains(secret) && printed.contains("(hidden)"), "{printed}");
    assert!(printed.contains("filter = \"debug\"  # from "), "{printed}");
    assert!(printed.parse::<toml::Table>().is_ok(), "what is printed can be read");
}
