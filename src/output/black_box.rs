//! Fills the black box on a thread of its own, on the way of the batches to the dashboard, and saves it as a recording.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded, unbounded};

use crate::host::thread;
use crate::model::batch::{Batch, WAITING_BATCHES};
use crate::model::black_box::{Frame, Packer};
use crate::model::recording::Header;
use crate::output::export_file::Block;
use crate::output::record::RecordingWriter;
use crate::output::report::PastReport;

/// Bytes of a block for the file.
const BLOCK: usize = 64 << 10;

/// Starts to pack the batches. Returns the frames, each of which arrives before its last batch, and the batches to be shown.
///
/// # Errors
/// If there is no memory for it, or the kernel refuses a thread.
pub fn start(batches: Receiver<Batch>) -> anyhow::Result<(Receiver<Arc<Frame>>, Receiver<Batch>)> {
    let (shown, to_show) = bounded(WAITING_BATCHES);
    // as many as there are batches, which are bounded
    let (packed, frames) = unbounded();
    let mut packer = Packer::new()?;
    thread::spawn("tcplife-past", move || {
        for batch in &batches {
            // without memory there is nothing to look back to, and all the rest goes on
            if let Ok(Some(frame)) = packer.batch(&batch) {
                let _ = packed.send(Arc::new(frame));
            }
            if shown.send(batch).is_err() {
                return;
            }
        }
    })?;
    Ok((frames, to_show))
}

/// Source of batches of the past: returns the next one, if there is one, and true if more follows.
pub type PastBatches = Box<dyn FnMut() -> io::Result<(Option<Batch>, bool)> + Send>;

/// Turns batches of the past into a file.
#[derive(Debug)]
pub enum Saver {
    Recording(Box<PastRecorder>),
    /// `None`: it is in a block.
    Report(Option<Box<PastReport>>),
}

impl Saver {
    /// Returns the next block.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn block(&mut self) -> io::Result<Block> {
        match self {
            Saver::Recording(recorder) => recorder.block(),
            Saver::Report(report) => Ok(Block {
                bytes: match report.take() {
                    Some(report) => report.text()?.into_bytes(),
                    None => Vec::new(),
                },
                is_last: true,
            }),
        }
    }
}

/// Turns batches into a recording, block by block.
pub struct PastRecorder {
    batches: PastBatches,
    header: Option<Header>,
    /// `None` before the first batch.
    writer: Option<RecordingWriter>,
}

impl std::fmt::Debug for PastRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PastRecorder").finish_non_exhaustive()
    }
}

impl PastRecorder {
    /// Begins with the first batch, which has all open sessions.
    pub fn new(batches: PastBatches, header: Header) -> Self {
        PastRecorder {
            batches,
            header: Some(header),
            writer: None,
        }
    }

    fn block(&mut self) -> io::Result<Block> {
        loop {
            let (batch, has_more) = (self.batches)()?;
            if let Some(batch) = batch {
                if let Some(header) = self.header.take() {
                    self.writer = Some(RecordingWriter::new(header, batch.clock, batch.taken_ns)?);
                }
                if let Some(writer) = &mut self.writer {
                    writer.batch(&batch)?;
                }
            }
            let is_last = !has_more;
            let Some(writer) = &mut self.writer else {
                if is_last {
                    return Ok(Block {
                        is_last,
                        ..Block::default()
                    });
                }
                continue;
            };
            if is_last {
                writer.end()?;
            }
            if is_last || writer.ready() >= BLOCK {
                let bytes = writer.take();
                return Ok(Block { bytes, is_last });
            }
        }
    }
}
