//! Attaches the BPF programs, makes a session on the loopback interface, and compares what is reported of it with what
//! was done.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rustix::thread::CapabilitySet;

use crate::collector::Collector;
use crate::collector::kernel;
use crate::collector::kernel::{CollectorConfig, Features, NamespaceScan};
use crate::host::containers::Namer;
use crate::host::sandbox::{InForce, Sandbox};
use crate::model::batch::Batch;
use crate::model::capture_filter::{CaptureFilter, PortSet};
use crate::model::session::Session;

/// Bytes that the client sends, and that the server answers.
const SENT: usize = 1234;
const ANSWERED: usize = 4321;

/// How long to wait for a report: on a busy host, open files are scanned first.
const PATIENCE: Duration = Duration::from_secs(15);

/// Result of the trial.
#[derive(Debug)]
pub(super) struct Trial {
    /// Time that loading and attaching took.
    pub(super) attached: Result<Duration, String>,
    /// True if snapshots find the sessions of all network namespaces.
    pub(super) finds_all: bool,
    /// Error of making the session, if it could not be made.
    pub(super) not_made: Option<String>,
    /// Time until the open session was in a snapshot; `None`: not tried.
    pub(super) open: Option<Result<Duration, String>>,
    /// The session when it was closed.
    pub(super) closed: Option<Result<Seen, String>>,
    /// The rights that were given up.
    pub(super) in_force: Option<Result<InForce, String>>,
}

/// Report of the client's end.
#[derive(Debug)]
pub(super) struct Seen {
    /// Time from the close to the report.
    pub(super) after: Duration,
    pub(super) session: Box<Session>,
}

impl Seen {
    /// Figures that are not as they were made, each as `NAME is X instead of Y`.
    pub(super) fn wrong(&self) -> Vec<String> {
        let compared = [
            ("tx", self.session.tx_bytes, SENT as u64),
            ("rx", self.session.rx_bytes, ANSWERED as u64),
        ];
        let differ = compared.iter().filter(|(_, seen, made)| seen != made);
        differ
            .map(|(name, seen, made)| format!("{name} is {seen} instead of {made}"))
            .collect()
    }
}

impl Trial {
    /// Tries. Afterwards this thread has given up what the sandbox takes.
    pub(super) fn run(
        sandbox: Sandbox,
        ring_bytes: u32,
        namespaces: Option<NamespaceScan>,
        containers: Option<Namer>,
    ) -> Self {
        let mut trial = Trial {
            attached: Err(String::new()),
            finds_all: false,
            not_made: None,
            open: None,
            closed: None,
            in_force: None,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.and_then(|socket| Ok((socket.local_addr()?.port(), socket)));
        let port = listener.as_ref().map_or(0, |(port, _)| *port);
        let container_names = containers.as_ref().map_or(0, Namer::rights);
        let config = CollectorConfig {
            capture: CaptureFilter {
                ports: Some(PortSet::from_ranges([(port, port)])),
                ..CaptureFilter::default()
            },
            interval: Some(Duration::from_millis(100)),
            part: None,
            at_most: Features::ALL,
            scan_first: false,
            ring_bytes,
            drops: false,
            sandbox: sandbox.clone(),
            namespaces,
            containers,
        };
        let began = Instant::now();
        let (collector, started) = match kernel::start(config) {
            Ok(started) => started,
            Err(error) => {
                trial.attached = Err(format!("{error:#}"));
                return trial;
            }
        };
        trial.attached = Ok(began.elapsed());
        trial.finds_all = started.finds_all;
        match listener.and_then(|(_, listener)| pair(&listener)) {
            Err(error) => {
                let why = format!("cannot make a session on 127.0.0.1: {error}");
                trial.not_made = Some(why);
            }
            Ok((client, server, port)) => {
                trial.open = Some(see_open(&collector, port));
                drop((client, server));
                trial.closed = Some(see_closed(&collector, port));
            }
        }
        let in_force = sandbox.enter(CapabilitySet::empty());
        trial.in_force = Some(match in_force {
            Ok(own) => Ok(InForce {
                container_names,
                ..own.and(started.in_force)
            }),
            Err(error) => Err(format!("{error:#}")),
        });
        trial
    }
}

/// Connects, and passes the bytes in both directions. Returns both ends and the client's port.
fn pair(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream, u16)> {
    let address = listener.local_addr()?;
    let mut client = TcpStream::connect_timeout(&address, PATIENCE)?;
    let (mut server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_read_timeout(Some(PATIENCE))?;
    }
    client.write_all(&[0; SENT])?;
    server.read_exact(&mut [0; SENT])?;
    server.write_all(&[0; ANSWERED])?;
    client.read_exact(&mut [0; ANSWERED])?;
    let port = client.local_addr()?.port();
    Ok((client, server, port))
}

/// Waits for a batch in which `find` finds something.
fn await_batch<T>(
    collector: &Collector,
    find: impl Fn(&Batch) -> Option<T>,
    what: &str,
) -> Result<(T, Duration), String> {
    let began = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        match collector.batches().recv_timeout(left) {
            Ok(batch) => {
                if let Some(found) = find(&batch) {
                    return Ok((found, began.elapsed()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "{what} was not reported within {} s",
                    PATIENCE.as_secs()
                ));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("{what} was not reported: the collector has exited"));
            }
        }
    }
}

fn see_open(collector: &Collector, port: u16) -> Result<Duration, String> {
    let is_in = |batch: &Batch| {
        let open = batch.open.as_ref()?;
        let mut sessions = open.changed.iter();
        sessions.any(|session| session.lport == port).then_some(())
    };
    await_batch(collector, is_in, "the open session").map(|((), after)| after)
}

fn see_closed(collector: &Collector, port: u16) -> Result<Seen, String> {
    let take = |batch: &Batch| {
        let mut closed = batch.closed.iter();
        closed.find(|session| session.lport == port).cloned()
    };
    let (session, after) = await_batch(collector, take, "the closed session")?;
    Ok(Seen {
        after,
        session: Box::new(session),
    })
}
