//! The dashboard's state, and how keys and batches change it.
//!
//! Owns which sessions are shown, their order and the selection. It knows no terminal and no clock: time comes with
//! the batches, and `view` draws the state.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::{Rect, Size};

use crate::filter::{Filter, UidOf};
use crate::host::sandbox::InForce;
use crate::host::session_env::SessionEnv;
use crate::model::baseline::Baseline;
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::fields::Field;
use crate::model::findings::Findings;
use crate::model::host_state::HostState;
use crate::model::port_use::PortUse;
use crate::model::session::SessionId;
use crate::model::store::{SessionRef, Store};
use crate::output::record::RecordStatus;
use crate::ui::action::Mode;
use crate::ui::keys::Keymap;
use crate::ui::layout;
use crate::ui::layout::footer::FooterKey;
use crate::ui::layout::panes::{Subject, TalkersBelow, WIDEST_NAME};
use crate::ui::layout::tabs::TabLine;
use crate::ui::layout::{Layout, Parts, TABBED, footer, list_area};
use crate::ui::state::columns::Columns;
use crate::ui::state::detail::Detail;
use crate::ui::state::failures::HostFailures;
use crate::ui::state::freeze::Waiting;
use crate::ui::state::host_history::{HostHistories, HostHistory};
use crate::ui::state::interval::RefreshInterval;
use crate::ui::state::known_totals::KnownTotals;
use crate::ui::state::layers::{Layer, Layers};
use crate::ui::state::names::Names;
use crate::ui::state::notice::Notice;
use crate::ui::state::replay_speed::ReplaySpeed;
use crate::ui::state::rows::{Rank, Rows, SortOrder};
use crate::ui::state::top_talkers::Panes;
use crate::ui::state::turned_pages::TurnedPages;
use crate::ui::state::view_filter::{Selected, ViewFilter};
use crate::ui::theme::Appearance;

mod appearance;
mod asked;
mod baseline;
mod columns;
mod command;
mod copy;
pub mod effect;
mod export;
mod fading;
mod follow;
mod help;
mod hit;
mod ingest;
mod interval;
mod local_pairs;
mod mouse;
mod names;
pub mod no_match;
mod observers;
pub mod past;
mod screens;
mod selection;
mod self_traffic;
mod sort;
mod table_screen;
mod toggles;
mod update;
mod way_back;

use ingest::Arriving;
use no_match::NoMatch;
use past::Past;
use way_back::Step;

/// The sort order of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sort {
    /// The sort column.
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
            read_ns: 0,
        }
    }
}

/// The selected line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The first line, whichever session that is.
    Top,
    /// The line of this session, wherever it moves, and its last known reference.
    Session(SessionId, SessionRef),
}

impl Selection {
    /// The selected session; `None`: the first line, whichever session that is.
    fn session(self) -> Selected {
        match self {
            Selection::Top => None,
            Selection::Session(id, place) => Some((id, place)),
        }
    }
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    /// Name of this host, shown in the header.
    pub host: String,
    /// The capture filter set by flags.
    pub capture: CaptureFilter,
    /// The capture filter as an expression: the kernel evaluates as much of it as it can, this program the rest.
    pub capture_filter: Filter,
    pub view_filter: ViewFilter,
    pub notice: Notice,
    pub names: Names,
    /// The terminal, multiplexer and ssh connection around the dashboard.
    pub session_env: SessionEnv,
    history: Vec<String>,
    /// Finds the ids of users that a filter names.
    pub uid_of: UidOf,
    pub layers: Layers,
    /// Details that were left, which go on watching their sessions, the last one last.
    left_details: Vec<Detail>,
    /// The steps to go back, the last one last.
    way_back: Vec<Step>,
    pub sort: Sort,
    /// The order was chosen for the present choice of sessions.
    is_order_chosen: bool,
    pub columns: Columns,
    pub keymap: Keymap,
    pub appearance: Appearance,
    /// A click on a cell of the table copies its value.
    pub click_copies: bool,
    /// The previous order, while following the newest session.
    pub before_following: Option<Sort>,
    pub interval: RefreshInterval,
    pub baseline: Option<Box<Baseline>>,
    pub panes: Panes,
    pub talkers_below: TalkersBelow,
    pub host_histories: HostHistories,
    known_totals: KnownTotals,
    /// Listeners and dropped packets.
    pub host_state: HostState,
    /// Ports of outgoing sessions.
    pub ports: PortUse,
    /// Second of the last question for the sockets in TIME_WAIT.
    time_wait_s: u64,
    pub findings: Findings,
    failed: HostFailures,
    pub store: Store,
    pub rows: Rows,
    /// Why there are no lines, once that was asked.
    no_match: OnceCell<Option<NoMatch>>,
    pub selection: Selection,
    /// Where the selected session was when the lines were last built.
    followed: Option<(SessionRef, Rank)>,
    /// The session that was selected before a filter hid it.
    hidden: Selected,
    /// Line of the screen, from the first of the table, that the selection keeps if there are enough lines.
    screen_line: usize,
    /// Index of the selected line.
    pub selected: usize,
    /// The first visible line.
    pub top: usize,
    turned_pages: TurnedPages,
    /// Batches that the display does not show yet.
    pub waiting: Waiting,
    /// Batches that the display moves on to, part by part.
    arriving: Option<Arriving>,
    /// Cell at which the left button was pressed.
    pressed: Option<(u16, u16)>,
    /// A number typed before a motion, as in vim.
    count: Option<usize>,
    /// The display stays as it is.
    pub paused: bool,
    /// The capture filter has changed during the pause.
    is_recaptured: bool,
    size: Size,
    pub first_ns: u64,
    /// The moment of the baseline, by the clock as it was then.
    pub baseline_set: Timestamp,
    /// The same, ns of boot time.
    baseline_ns: u64,
    /// Baseline of a recording, for the first moment that there is, and its time.
    reference: Option<Arc<(Baseline, Timestamp)>>,
    /// The reference is the baseline, or was.
    is_compared: bool,
    pub now_ns: u64,
    pub home: Option<PathBuf>,
    /// Rights that this process has given up.
    pub in_force: InForce,
    pub past: Past,
    /// The recording that is written.
    pub recording: Option<RecordStatus>,
    /// A recording is shown, about which this host knows nothing.
    pub is_replay: bool,
    /// Speed of the replay, if it takes its time.
    pub replay_speed: Option<ReplaySpeed>,
}

impl App {
    /// A dashboard for a terminal of this size, which keeps up to `keep` closed sessions.
    pub fn new(host: String, capture: CaptureFilter, keep: usize, size: Size) -> Self {
        let sort = Sort {
            field: fields::busiest(),
            inverted: false,
        };
        let store = Store::new(keep);
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
            left_details: Vec::new(),
            way_back: Vec::new(),
            sort,
            is_order_chosen: false,
            columns: Columns::default(),
            keymap: Keymap::default(),
            appearance: Appearance::default(),
            click_copies: true,
            before_following: None,
            interval: RefreshInterval::new(RefreshInterval::DEFAULT),
            baseline: None,
            panes: Panes::default(),
            talkers_below: TalkersBelow::default(),
            host_histories: HostHistories::default(),
            known_totals: KnownTotals::default(),
            host_state: HostState::default(),
            ports: PortUse::default(),
            time_wait_s: 0,
            findings: Findings::default(),
            failed: HostFailures::new(&store),
            store,
            rows: Rows::new(sort.order()),
            no_match: OnceCell::new(),
            selection: Selection::Top,
            followed: None,
            hidden: None,
            screen_line: 0,
            selected: 0,
            top: 0,
            turned_pages: TurnedPages::default(),
            waiting: Waiting::default(),
            arriving: None,
            pressed: None,
            count: None,
            paused: false,
            is_recaptured: false,
            size,
            first_ns: 0,
            baseline_set: Timestamp::UNIX_EPOCH,
            baseline_ns: 0,
            reference: None,
            is_compared: false,
            now_ns: 0,
            recording: None,
            is_replay: false,
            replay_speed: None,
            home: None,
            in_force: InForce::default(),
            past: Past::default(),
        };
        app.adapt_to_layout();
        app
    }

    /// Sets the initial filter and the history of earlier ones.
    pub fn with_filter(mut self, filter: Filter, history: Vec<String>) -> Self {
        self.view_filter.filter = filter;
        self.history = history;
        self.panes.restart(&self.view_filter);
        self
    }

    /// Sets the user's home directory and time zone.
    pub fn at_home(mut self, home: Option<PathBuf>, zone: TimeZone) -> Self {
        (self.home, self.names.times.zone) = (home, zone);
        self
    }

    /// The top talkers panes.
    pub fn panes(&self) -> &Panes {
        &self.panes
    }

    /// Cells that the longest name in a pane needs.
    pub fn longest_name(&self, subject: Subject) -> u16 {
        // names of hosts arrive one by one, and columns must not move with each
        match subject == Subject::Peers && self.names.addresses {
            true => WIDEST_NAME,
            false => self.panes.pane(subject).longest(),
        }
    }

    /// Rates of this host, with local connections counted as in the table.
    pub fn host_history(&self) -> &HostHistory {
        match self.view_filter.pairs {
            true => &self.host_histories.by_connection,
            false => &self.host_histories.by_end,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// True once a snapshot was ingested.
    pub fn has_snapshot(&self) -> bool {
        self.now_ns != 0
    }

    /// Formats a time: to the second on the day shown, else with its date.
    pub fn time(&self, at: Timestamp) -> String {
        self.names.times.text_of(at)
    }

    /// Layout of the screen.
    pub fn layout(&self) -> Layout {
        self.layout_in(Rect::new(0, 0, self.size.width, self.size.height))
    }

    /// Layout of an area.
    pub fn layout_in(&self, area: Rect) -> Layout {
        // the help has a title of its own
        let replaces = matches!(
            self.layers.page(),
            Some(Layer::Screen(_) | Layer::Detail(_))
        );
        let explained = || area.height >= TABBED && self.tab_line(area.width).purpose.is_some();
        let parts = Parts {
            prompting: self.layers.is_prompting(),
            past: self.is_past() || self.destination().is_some(),
            titled: replaces && !explained(),
            // its own screen says more
            found: self.findings.is_any() && self.layers.present().0.mode != Mode::Findings,
            focus: self.layers.focus(),
            below: self.talkers_below,
        };
        layout::layout(area, parts)
    }

    /// True if the key that clears the filter goes back to now, or stays there instead of going to a moment.
    pub fn returns_to_now(&self) -> bool {
        let is_leaving = self.is_past() || self.destination().is_some();
        is_leaving && !self.can_go_back()
    }

    /// The line of tabs in `width` cells.
    pub fn tab_line(&self, width: u16) -> TabLine {
        TabLine::new(&self.keymap, self.layers.present(), width)
    }

    /// The keys of the footer and their cells.
    pub fn footer_keys(&self, width: u16) -> Vec<FooterKey<'_>> {
        let tabs = match self.size.height >= TABBED {
            true => self.tab_line(width).tabs,
            false => Vec::new(),
        };
        let around = footer::Around {
            mode: self.layers.mode(),
            tabs: &tabs,
            undoable: match self.layers.chooser() {
                Some(chooser) => chooser.is_undoable(),
                None => self.view_filter.has_previous(),
            },
            filtered: self.view_filter.is_limited(),
            returns: self.can_go_back(),
            of_a_line: self.are_sessions_of_a_line(),
            past: self.returns_to_now(),
            searched: self.layers.help().is_some_and(|h| !h.searched.is_empty()),
        };
        footer::keys(&self.keymap, around, width)
    }

    /// Adapts scroll positions to a changed layout.
    pub fn adapt_to_layout(&mut self) {
        let layout = self.layout();
        let heights = layout.talkers.map(|pane| list_area::PANE.count(pane));
        self.panes.resize(heights, !layout.strip.is_empty());
        self.refresh_screen();
        self.scroll_to_selection();
        self.keep_screen_line();
    }
}
