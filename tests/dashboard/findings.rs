//! Findings on the screen: the line of the header, the list, and what proves a finding.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::loopback::{V4, listen, port};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, brisk};

/// Connects again and again to a port on which nobody listens, until it is dropped.
pub(crate) struct Refused {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Refused {
    pub(crate) fn new() -> Refused {
        let gone = listen(V4).local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                drop(TcpStream::connect(gone));
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Refused {
            port: gone.port(),
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn finding_is_in_the_header_and_enter_shows_its_sessions() {
    if !kernel_or_skip() {
        return;
    }
    let refused = Refused::new();
    let name = format!("127.0.0.1:{}", refused.port);
    // the findings of other tests are left out
    let port = refused.port.to_string();
    let mut seen = Seen::dashboard(&["-D", &port]);
    seen.wait_for("the line of the header", |s| s.shows(" finding"));
    seen.press("!");
    seen.wait_for("the list", |s| s.shows("FINDING"));
    // other tests have findings, too
    seen.press(&format!("/{name}\r"));
    seen.wait_for("its line alone", |s| s.shows("1 of"));
    seen.wait_for("the numbers", |s| {
        s.shows("threshold: 20 %") && s.shows("findings.refusing")
    });
    // its own explanation
    seen.press("?");
    seen.wait_for("the help", |s| s.shows("Findings") && s.shows("HELP"));
    seen.press("q");
    seen.wait_for("the list again", |s| s.shows("threshold: 20 %"));
    seen.press("\r");
    seen.wait_for("the sessions that prove it", |s| {
        s.shows("filter: reason") && !s.rows().is_empty()
    });
    drop(refused);
    seen.quit();
}

#[test]
fn finding_of_a_listener_leads_to_the_listeners() {
    if !kernel_or_skip() {
        return;
    }
    let hung: TcpListener = listen(V4);
    let _waiting = TcpStream::connect(hung.local_addr().expect("it is bound"));
    let port = port(&hung).to_string();
    for (rows, cols) in [(24, 80), (24, 40)] {
        let mut seen = Seen::sized(pty::command(&brisk(&["-L", &port])), rows, cols);
        let address = format!("127.0.0.1:{port}");
        seen.wait_for("a finding", |s| s.shows(" finding"));
        seen.press("!");
        seen.wait_for("the list", |s| s.shows("FINDING"));
        // other tests may have listeners that accept nothing
        seen.press(&format!("/{address}\r"));
        seen.wait_for("its line alone", |s| s.shows("1 of"));
        seen.press("\r");
        seen.wait_for("the listener", |s| s.shows("ADDRESS") && s.shows(&address));
        seen.press("\x1b");
        seen.wait_for("a whole frame", Seen::is_whole);
        std::thread::sleep(Duration::from_millis(100));
        seen.press("\x03");
        seen.ends("^C", 0);
    }
}
