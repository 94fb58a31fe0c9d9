//! A fake etcd server for faulty answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server that reads requests and always sends the same answer.
pub struct Fake {
    pub endpoint: String,
    requests: Arc<AtomicUsize>,
}

impl Fake {
    /// Starts a server that sends one answer on a connection. The connection stays open as if more
    /// could follow, and closes when a second request comes.
    pub fn says(answer: &[u8]) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (Arc::clone(&requests), answer.to_vec());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (counter, answer) = (Arc::clone(&counter), answer.clone());
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(connection.unwrap());
                    read_request(&mut lines);
                    counter.fetch_add(1, Ordering::SeqCst);
                    // The client may be gone before the answer is complete.
                    let _ = lines.get_mut().write_all(&answer);
                    if !answer.is_empty() {
                        let _ = lines.read(&mut [0]);
                    }
                });
            }
        });
        Fake { endpoint, requests }
    }

    /// Starts a server that sends an HTTP response with a body.
    pub fn http(status: &str, body: &str) -> Fake {
        let length = body.len();
        Fake::says(
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        )
    }

    /// Returns the number of requests that the server has read.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn read_request(lines: &mut impl BufRead) {
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    assert!(length > 0, "a request has a body");
    lines.read_exact(&mut vec![0; length]).unwrap();
}
