//! Writes a recording of a replay. Nobody waits for it, so it waits for the disk, and an error ends it.

use std::fs::File;
use std::io::{self, Write};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, bounded};

use crate::host::thread;
use crate::model::batch::{Batch, WAITING_BATCHES};
use crate::model::recording::Header;
use crate::output::record::sync;
use crate::output::record::writer::RecordingWriter;
use crate::text::units::S;

/// A recording that is being written.
#[derive(Debug)]
pub struct Cut {
    thread: JoinHandle<io::Result<CutSize>>,
}

/// Content of a complete one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutSize {
    /// Number of sessions that closed.
    pub closed: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Cut {
    /// Starts to write the batches to a file. Returns the batches to be shown.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub fn start(
        mut file: File,
        header: Header,
        batches: Receiver<Batch>,
    ) -> anyhow::Result<(Cut, Receiver<Batch>)> {
        let (tx, to_show) = bounded(WAITING_BATCHES);
        let thread = thread::spawn("tcplife-record", move || {
            let mut shown = Some(tx);
            let (mut size, mut second) = (CutSize::default(), 0);
            let mut writer = None;
            let mut header = Some(header);
            let mut hand_over = |writer: &mut RecordingWriter| {
                let bytes = writer.take();
                size.bytes += bytes.len() as u64;
                file.write_all(&bytes)
            };
            let mut closed = 0;
            for batch in batches {
                if let Some(header) = header.take() {
                    let new = RecordingWriter::new(header, batch.clock, batch.taken_ns)?;
                    writer = Some(new);
                }
                if let Some(writer) = &mut writer {
                    writer.batch(&batch)?;
                    // time of the recording, as its writer's has passed long ago
                    if batch.taken_ns / S != second {
                        second = batch.taken_ns / S;
                        writer.tick()?;
                    }
                    hand_over(writer)?;
                }
                closed += batch.closed.len() as u64;
                shown = shown.filter(|shown| shown.send(batch).is_ok());
            }
            if let Some(writer) = &mut writer {
                writer.end()?;
                hand_over(writer)?;
            }
            sync(&file)?;
            size.closed = closed;
            Ok(size)
        })?;
        Ok((Cut { thread }, to_show))
    }

    /// Waits until the recording is complete.
    ///
    /// # Errors
    /// If it could not be written.
    pub fn finish(self) -> io::Result<CutSize> {
        let panicked = |_| Err(io::Error::other("its thread panicked; this is a bug"));
        self.thread.join().unwrap_or_else(panicked)
    }
}
