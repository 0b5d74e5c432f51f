//! A Redis server of a test's own, to be stopped.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A process that ends with this.
pub struct Server {
    program: String,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Starts the program that `TIDEGATE_TEST_REDIS_SERVER` names, else the one in `PATH`; `None` where there is none and
    /// that is allowed.
    pub fn start() -> Option<Self> {
        let program =
            std::env::var("TIDEGATE_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let there =
            Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            crate::stand::wanted("TIDEGATE_TEST_REDIS_SERVER", "no redis-server to stop and start")?;
        }
        // Free a moment ago; whoever takes it meanwhile makes this test fail with a word about the port.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { program, port, child: None };
        server.run();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, empty.
    pub fn run(&mut self) {
        let port = self.port.to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new(&self.program).args(arguments).stdout(Stdio::null()).spawn();
        self.child = Some(child.unwrap());
    }

    /// Kills it; what was in it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a command without spaces in its words.
    pub fn tell(&self, command: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK");
    }

    /// Sends it a signal, such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
