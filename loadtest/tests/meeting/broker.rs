//! A NATS server as small as can be: subjects are compared letter by letter, and nobody has to say who they are. With
//! `TIDEGATE_TEST_NATS_URL` the real one is used.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use lifecycle::Tasks;

/// Who has subscribed to what, under which number.
type Subscriptions = Arc<Mutex<Vec<(String, String, TcpStream)>>>;

/// Where it is.
pub fn url() -> String {
    if let Ok(url) = std::env::var("TIDEGATE_TEST_NATS_URL") {
        return url;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("nats://{}", listener.local_addr().expect("an address"));
    let subscriptions = Subscriptions::default();
    let accept = move || {
        for stream in listener.incoming() {
            let (stream, subscriptions) = (stream.expect("accepted"), subscriptions.clone());
            // A client that leaves is no fault.
            let serve = move || drop(serve(stream, &subscriptions));
            Tasks::default().thread("broker client", serve).expect("a thread");
        }
    };
    Tasks::default().thread("broker", accept).expect("a thread");
    url
}

fn serve(stream: TcpStream, subscriptions: &Subscriptions) -> std::io::Result<()> {
    (&stream).write_all(b"INFO {\"max_payload\":65536}\r\n")?;
    let mut read = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while read.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => (&stream).write_all(b"PONG\r\n")?,
            ["SUB", subject, number] => {
                let one = (subject.to_owned(), number.to_owned(), stream.try_clone()?);
                subscriptions.lock().expect("no panic").push(one);
            }
            ["PUB", subject, length] => {
                let mut payload = vec![0; length.parse::<usize>().expect("a length") + 2];
                read.read_exact(&mut payload)?;
                for (wanted, number, client) in &*subscriptions.lock().expect("no panic") {
                    if wanted == subject {
                        let mut message = format!("MSG {subject} {number} {length}\r\n").into_bytes();
                        message.extend_from_slice(&payload);
                        // Whoever is gone needs nothing.
                        let _ = { client }.write_all(&message);
                    }
                }
            }
            _ => {}
        }
        line.clear();
    }
    Ok(())
}
