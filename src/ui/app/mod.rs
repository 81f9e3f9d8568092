//! The dashboard's state, and how a key or a batch changes it.
//!
//! Responsible for what is shown: which sessions, in which order, which is selected. Knows no terminal and no
//! clock: time comes with the batches, and `view` draws what is here.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use ratatui::layout::{Rect, Size};

use crate::filter::{Filter, UidOf};
use crate::host::session_env::SessionEnv;
use crate::model::baseline::Mark;
use crate::model::batch::Clock;
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::fields::Field;
use crate::model::session::SessionId;
use crate::model::store::{SessionRef, Store};
use crate::ui::keys::Keymap;
use crate::ui::layout;
use crate::ui::layout::{Layout, lines};
use crate::ui::state::columns::Columns;
use crate::ui::state::freeze::Waiting;
use crate::ui::state::interval::Pace;
use crate::ui::state::layers::Layers;
use crate::ui::state::names::Names;
use crate::ui::state::notice::Notice;
use crate::ui::state::rows::{Rows, SortOrder};
use crate::ui::state::top_talkers::Panes;
use crate::ui::state::view_filter::ViewFilter;
use crate::ui::theme::Appearance;

mod baseline;
mod columns;
mod copy;
pub mod effect;
mod export;
mod follow;
mod hit;
mod ingest;
mod interval;
mod mouse;
mod names;
mod observers;
mod screens;
mod selection;
mod self_traffic;
mod update;

/// The order of the table.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// By this field's column.
    pub field: &'static Field,
    /// Against the column's natural order.
    pub inverted: bool,
}

impl Sort {
    fn order(self) -> SortOrder {
        let descending = self.field.column.is_some_and(|c| c.descending);
        SortOrder {
            field: self.field,
            descending: descending != self.inverted,
        }
    }
}

/// Which line is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The first one, whichever session that is.
    Top,
    /// This session's, wherever it goes; and where it was last.
    Session(SessionId, SessionRef),
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    /// Name of this host, shown in the header.
    pub host: String,
    /// What the kernel reports at all, by the flags.
    pub capture: Capture,
    /// What else is captured at all: the kernel decides what it can of it, and the rest is decided here.
    pub capture_filter: Filter,
    /// Which sessions are shown.
    pub view_filter: ViewFilter,
    /// What there is to say once.
    pub notice: Notice,
    /// Names of addresses and ports.
    pub names: Names,
    /// What the dashboard runs in.
    pub session_env: SessionEnv,
    history: Vec<String>,
    /// Finds the ids of users that a filter names.
    pub uid_of: UidOf,
    /// What lies above the list of sessions.
    pub layers: Layers,
    /// The order of the table.
    pub sort: Sort,
    /// Its columns.
    pub columns: Columns,
    /// What the keys mean.
    pub keymap: Keymap,
    /// What everything looks like.
    pub appearance: Appearance,
    /// The order before, while the newest are followed.
    pub before_following: Option<Sort>,
    /// How often the picture is another.
    pub interval: RefreshInterval,
    /// What now is compared with.
    pub baseline: Option<Box<Baseline>>,
    pub panes: Panes,
    pub store: Store,
    pub rows: Rows,
    /// Finished sessions when the selected one was looked for last.
    finished: u64,
    pub selection: Selection,
    /// The selected line.
    pub selected: usize,
    /// The first line that is shown.
    pub top: usize,
    pub frozen: Option<Waiting>,
    size: Size,
    pub first_ns: u64,
    pub now_ns: u64,
    pub clock: Clock,
    pub zone: TimeZone,
    pub home: Option<PathBuf>,
}

impl App {
    /// A dashboard on a terminal of that size, that keeps that many finished sessions.
    pub fn new(host: String, capture: CaptureFilter, keep: usize, size: Size) -> Self {
        let sort = Sort {
            field: fields::busiest(),
            inverted: false,
        };
        let mut app = App {
            host,
            capture,
            capture_filter: Filter::default(),
            view_filter: ViewFilter::new(Filter::default()),
            notice: Notice::default(),
            names: Names::default(),
            session_env: SessionEnv::default(),
            history: Vec::new(),
            uid_of: |_| None,
            layers: Layers::default(),
            sort,
            columns: Columns::default(),
            keymap: Keymap::default(),
            appearance: Appearance::default(),
            before_following: None,
            interval: RefreshInterval::new(RefreshInterval::DEFAULT),
            baseline: None,
            panes: Panes::default(),
            store: Store::new(keep),
            rows: Rows::new(sort.order()),
            finished: 0,
            selection: Selection::Top,
            selected: 0,
            top: 0,
            frozen: None,
            size,
            first_ns: 0,
            now_ns: 0,
            clock: Clock::default(),
            zone: TimeZone::UTC,
            home: None,
        };
        app.fit();
        app
    }

    /// With a filter from the start, and those that were used before.
    pub fn with_filter(mut self, filter: Filter, history: Vec<String>) -> Self {
        let own = std::mem::take(&mut self.view_filter.self_traffic);
        self.view_filter = ViewFilter::new(filter);
        self.view_filter.self_traffic = own;
        self.history = history;
        self.panes.restart(&self.view_filter);
        self
    }

    /// For somebody who lives there, in this time zone.
    pub fn at_home(mut self, home: Option<PathBuf>, zone: TimeZone) -> Self {
        (self.home, self.zone) = (home, zone);
        self
    }

    /// Who talks, of what the filter selects.
    pub fn panes(&self) -> &Panes {
        &self.panes
    }

    /// What is known of the sessions.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// True from the first look at what is open on.
    pub fn has_snapshot(&self) -> bool {
        self.first_ns != 0
    }

    /// How long the trace has run, s, at the moment that is shown.
    pub fn uptime_s(&self) -> u64 {
        self.now_ns.saturating_sub(self.first_ns) / 1_000_000_000
    }

    /// Where the parts of the screen are.
    pub fn layout(&self) -> Layout {
        let area = Rect::new(0, 0, self.size.width, self.size.height);
        layout::layout(area, self.layers.is_prompting(), self.layers.focus())
    }

    /// What is on the screen has another size.
    pub fn fit(&mut self) {
        let panes = self.layout().talkers;
        self.panes.resize(panes.map(|pane| lines::PANE.count(pane)));
        self.refresh_screen();
        self.scroll_to_selection();
    }
}
