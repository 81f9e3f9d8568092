//! Exports for tests and benchmarks, and nothing else: the single place that makes modules of this crate visible.

pub mod play;
pub mod sample;

/// The command line.
pub mod cli {
    pub use crate::cli::{Cli, help};
}

/// Collecting sessions.
pub mod collector {
    pub use crate::collector::Collector;
    pub use crate::collector::kernel::{CollectorConfig, Features, FileSocket, SnapshotPart, Walk};

    /// Starts to collect.
    ///
    /// # Errors
    /// If the kernel does not allow it.
    pub fn start(config: CollectorConfig) -> anyhow::Result<Collector> {
        crate::collector::kernel::start(config).map(|(collector, _)| collector)
    }
}

/// The filter language.
pub mod filter {
    pub use crate::filter::{Filter, FilterError, complete, help_markdown};
}

/// This host, and the rights of the program on it.
pub mod host {
    pub use crate::host::broker::{Broker, Places};
    pub use crate::host::sandbox::InForce;
    pub use crate::host::session_env::SessionEnv;
}

/// Sessions, their fields and their store.
pub mod model {
    pub use crate::model::batch::{Batch, Clock, HostSnapshot, Missed, OpenSnapshot};
    pub use crate::model::black_box::Packer;
    pub use crate::model::capture_filter::CaptureFilter;
    pub use crate::model::cgroup::Cgroup;
    pub use crate::model::conn_state::CONN_STATES;
    pub use crate::model::fields::{FIELDS, Field, Value, narrow_bytes};
    pub use crate::model::findings::{FINDINGS, Proof, ProofStep, THRESHOLDS, Thresholds};
    pub use crate::model::interface::Interface;
    pub use crate::model::listener::Listener;
    pub use crate::model::packet_drop::{DROP_REASONS, DropClass, PacketDirection, PacketDrops};
    pub use crate::model::recording::{Header, Medium, Played, Player, Reports, Tape, To};
    pub use crate::model::session::{
        Age, Comm, Direction, Evidence, Reason, Session, SessionId, State,
    };
    pub use crate::model::store::{SessionRef, Store};
}

/// Rows, and where they are written to.
pub mod output {
    pub use crate::output::columns::ALL;
    pub use crate::output::csv::{Csv, CsvColumns};
    pub use crate::output::json::Json;
    pub use crate::output::names::Spelling;
    pub use crate::output::record::RecordingWriter;
    pub use crate::output::stdout::{DeadlineWriter, End};
    pub use crate::output::text::{Text, TextColumns};
    pub use crate::output::{Sink, Times};
}

/// The dashboard.
pub mod ui {
    pub use crate::ui::action::Mode;
    pub use crate::ui::app::App;
    pub use crate::ui::config::Config;
    pub use crate::ui::keys::titles::TITLES;
    pub use crate::ui::keys::{HELP_SECTIONS, KEYS, KeyCode, KeyPress};
    pub use crate::ui::page::questions::{QUESTIONS, Question, Step};
    pub use crate::ui::terminal::TerminalGuard;
    pub use crate::ui::theme::{DARK, THEMES};
    pub use crate::ui::view::draw;
    pub use crate::ui::{Options, run};
}
