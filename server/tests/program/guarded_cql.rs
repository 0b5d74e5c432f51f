//! A CQL cluster that lets in whom it knows, by TLS both ways, logins and rights; what the program says where it is not let in;
//! and what it says of nodes that acknowledge too early.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use xtask::machine::in_ci;
use xtask::services::{Kind, Origin, Services, Settings, Starter, Terms, execute_as};

use crate::http::new_user;
use crate::process::{Tidegate, command, loud_lines, until};
use crate::socket::{Socket, send_frame};

const KEYSPACE: &str = "guarded";
/// Who there is from the first start on.
const ADMIN: (&str, &str) = ("cassandra", "cassandra");
/// Makes tables.
const MAKER: (&str, &str) = ("maker", "made of tables");
/// Uses them.
const CHAT: (&str, &str) = ("chat", "let me in");

const USER: &str = "TIDEGATE_STORE__CQL__USER";
const PASSWORD: &str = "TIDEGATE_STORE__CQL__PASSWORD";
const CA_FILE: &str = "TIDEGATE_STORE__CQL__CA_FILE";
const SERVER_NAME: &str = "TIDEGATE_STORE__CQL__SERVER_NAME";
const CERT_FILE: &str = "TIDEGATE_STORE__CQL__CERT_FILE";
const KEY_FILE: &str = "TIDEGATE_STORE__CQL__KEY_FILE";

/// A name and a value.
type Setting<'a> = (&'a str, &'a str);

/// Certificates, in files: of an authority, a node and a client that it signed, and of another authority.
struct Papers(PathBuf);

impl Papers {
    fn make(folder: &Path) -> Self {
        let papers = Self(folder.to_owned());
        let [ours, others] = ["ours", "others"].map(|name| {
            let mut params = CertificateParams::new(Vec::new()).expect("no names");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let key = KeyPair::generate().expect("a key");
            CertifiedIssuer::self_signed(params, key).expect("an authority")
        });
        papers.write("ca.pem", &ours.pem());
        papers.write("others.pem", &others.pem());
        let signed = |names: &[&str]| {
            let key = KeyPair::generate().expect("a key");
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let params = CertificateParams::new(names).expect("names");
            let certificate = params.signed_by(&key, &ours).expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let (certificate, key) = signed(&["127.0.0.1", "cql.example"]);
        papers.write("node.pem", &(key + &certificate));
        let (certificate, key) = signed(&["tidegate"]);
        papers.write("client.pem", &certificate);
        papers.write("client.key", &key);
        papers
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

/// A Cassandra of its own, which ends with this.
struct Guarded {
    services: Services,
    papers: Papers,
    folder: TempDir,
}

impl Guarded {
    /// `None`, with a word why, where there can be none; a failure where there must be one.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let papers = Papers::make(folder.path());
        let tls = format!(
            "{{enabled: true, optional: true, require_client_auth: true, keystore: {}, truststore: {}, \
             ssl_context_factory: {{class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}}}}",
            papers.path("node.pem"),
            papers.path("ca.pem")
        );
        let cassandra = Settings::from([
            ("client_encryption_options", tls),
            ("authenticator", "PasswordAuthenticator".to_owned()),
            ("authorizer", "CassandraAuthorizer".to_owned()),
            // What is granted counts at once.
            ("permissions_validity", "0ms".to_owned()),
            ("commitlog_sync", "periodic".to_owned()),
            ("commitlog_sync_period", "10s".to_owned()),
        ]);
        let services = Services::in_folder(&folder.path().join("services")).expect("a folder");
        let guarded = Self { services, papers, folder };
        let (kinds, origin) = (&[Kind::Cql], Origin::OwnProcesses);
        let terms = Terms { kinds, origin, cassandra, ..Terms::of_the_tests() };
        let failures = guarded.services.up(&terms).expect("services can be started");
        if let Some(failure) = failures.first() {
            assert!(!in_ci(), "{failure}");
            println!("skipped: a CQL cluster with TLS and logins: {failure}");
            return None;
        }
        guarded.await_admin();
        Some(guarded)
    }

    /// A node answers clients before the task has ended that makes the first role.
    fn await_admin(&self) {
        let url = self.services.url(Kind::Cql).expect("it runs");
        until(|| match execute_as(&url, ADMIN, "SELECT key FROM system.local") {
            Ok(()) => Some(()),
            Err(error) if error.to_string().contains("password are incorrect") => None,
            Err(error) => panic!("{error:#}"),
        });
    }

    fn admin(&self, statement: &str) {
        let url = self.services.url(Kind::Cql).expect("it runs");
        execute_as(&url, ADMIN, statement).expect("an admin may");
    }

    /// The settings of a process that is let in as `user`, with other values for some.
    fn settings<'a>(
        &self,
        (user, password): (&'a str, &'a str),
        others: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, String)> {
        let url = self.services.url(Kind::Cql).expect("it runs");
        let mut settings = vec![
            ("TIDEGATE_STORE__KIND", "cql".to_owned()),
            ("TIDEGATE_STORE__CQL__NODES", url.trim_start_matches("cql://").to_owned()),
            ("TIDEGATE_STORE__CQL__KEYSPACE", KEYSPACE.to_owned()),
            ("TIDEGATE_STORE__CQL__REPLICATION", "1".to_owned()),
            ("TIDEGATE_STORE__CQL__TLS", "true".to_owned()),
            (CA_FILE, self.papers.path("ca.pem")),
            (CERT_FILE, self.papers.path("client.pem")),
            (KEY_FILE, self.papers.path("client.key")),
            (USER, user.to_owned()),
            (PASSWORD, password.to_owned()),
        ];
        settings.extend(others.iter().map(|(name, value)| (*name, (*value).to_owned())));
        settings
    }

    fn migrate(&self, who: (&str, &str), others: &[(&str, &str)]) -> Output {
        let mut command = command(self.folder.path());
        command.envs(self.settings(who, others)).arg("migrate").output().expect("it runs")
    }

    /// Everything that is said where nobody is let in.
    fn refused(&self, who: (&str, &str), others: &[(&str, &str)]) -> String {
        let output = self.migrate(who, others);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.services.down(Starter::Test) {
            eprintln!("a Cassandra stays: {error:#}");
        }
    }
}

#[test]
fn with_tls_and_a_login_all_goes_and_without_it_says_what_to_change() {
    let Some(cluster) = Guarded::start() else { return };
    for (user, password) in [MAKER, CHAT] {
        cluster.admin(&format!("CREATE ROLE {user} WITH PASSWORD = '{password}' AND LOGIN = true"));
    }
    cluster.admin(&format!("GRANT CREATE ON ALL KEYSPACES TO {}", MAKER.0));
    let made = cluster.migrate(MAKER, &[(SERVER_NAME, "cql.example")]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for right in ["SELECT", "MODIFY"] {
        cluster.admin(&format!("GRANT {right} ON KEYSPACE {KEYSPACE} TO {}", CHAT.0));
    }
    who_is_not_let_in_is_told_why(&cluster);
    messages_flow_and_an_early_acknowledgement_is_warned_of(&cluster);
}

#[test]
fn of_a_node_that_hangs_up_it_says_that_it_may_want_tls() {
    let folder = tempfile::tempdir().unwrap();
    let node = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = [
        ("TIDEGATE_STORE__KIND", "cql".to_owned()),
        ("TIDEGATE_STORE__CQL__NODES", node.local_addr().unwrap().to_string()),
    ];
    let hangs_up = std::thread::Builder::new().spawn(move || {
        // Ended by the connection after the program's own.
        while let Ok((mut client, _)) = node.accept() {
            let mut asked = [0; 64];
            if client.read(&mut asked).unwrap_or(0) == 0 {
                return;
            }
        }
    });
    let hangs_up = hangs_up.unwrap();
    let output = command(folder.path()).envs(settings.clone()).arg("migrate").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("if it wants TLS, set `store.cql.tls = true`"), "{said}");
    drop(TcpStream::connect(&settings[1].1).unwrap());
    hangs_up.join().unwrap();
}

fn who_is_not_let_in_is_told_why(cluster: &Guarded) {
    let others = cluster.papers.path("others.pem");
    let cases: [(&[Setting<'_>], &[&str]); 5] = [
        (&[(PASSWORD, "guessed")], &["refuses the login of `maker`", "`store.cql.password`"]),
        (&[(USER, ""), (PASSWORD, "")], &["wants a login", "`store.cql.user`"]),
        (&[(CA_FILE, others.as_str())], &["`store.cql.ca_file`", "authority"]),
        (&[(SERVER_NAME, "another.example")], &["`store.cql.server_name`"]),
        (
            &[(CERT_FILE, ""), (KEY_FILE, "")],
            &["without a certificate that it trusts", "`store.cql.cert_file`"],
        ),
    ];
    for (settings, words) in cases {
        let said = cluster.refused(MAKER, settings);
        for word in words {
            assert!(said.contains(word), "{settings:?}: no {word} in {said}");
        }
        assert!(!said.contains("guessed") && !said.contains(MAKER.1), "{said}");
    }
    let said = cluster.refused(CHAT, &[("TIDEGATE_STORE__CQL__KEYSPACE", "another")]);
    assert!(said.contains("CREATE KEYSPACE") && said.contains("permission"), "{said}");
}

/// How nodes sync can be seen by who may read it.
fn messages_flow_and_an_early_acknowledgement_is_warned_of(cluster: &Guarded) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = cluster.settings(CHAT, &[]);
    let settings: Vec<Setting<'_>> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Tidegate::start_with(folder.path(), &settings);
    let (alice, bob) = (new_user(&server, "alice", "123456"), new_user(&server, "bob", "654321"));
    let (mut a, mut b) = (Socket::open(&server, &alice.token), Socket::open(&server, &bob.token));
    a.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a8001", &bob.id, "through the guard"));
    assert_eq!(a.until("ack")["seq"], "1");
    assert_eq!(b.until("event")["body"]["text"], "through the guard");
    let logs = server.kill();
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
    assert!(logs.contains("does not show `commitlog_sync`"), "{logs}");

    cluster.admin(&format!("GRANT SELECT ON TABLE system_views.settings TO {}", CHAT.0));
    let logs = Tidegate::start_with(folder.path(), &settings).may_warn(&["before they are on disk"]).kill();
    let loud = loud_lines(&logs);
    assert_eq!(loud.len(), 1, "{loud:?}");
    let fields = ["\"commitlog_sync\":\"periodic\"", "\"node\":\"127.0.0.1:"];
    for words in [fields[0], fields[1], "set `commitlog_sync: batch` on every node"] {
        assert!(loud[0].contains(words), "no {words} in {loud:?}");
    }
}
