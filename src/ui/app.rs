//! The dashboard's state, and how a key or a batch changes it.
//!
//! Responsible for what is shown: which sessions, in which order, which is selected. Knows no terminal and no
//! clock: time comes with the batches, and `view` draws what is here.

use std::cmp::Ordering;
use std::collections::VecDeque;

use ratatui::layout::Size;

use super::keys::Mode;
use super::view;
use crate::capture::{Capture, Family};
use crate::collector::Batch;
use crate::fields::{self, Field};
use crate::session::{Session, SessionId};
use crate::store::{Place, Store};

/// How far a key moves the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// A line up.
    Up,
    /// A line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Move the selection, or scroll.
    Move(Motion),
    /// Only this family, or both again.
    Family(Family),
    /// The next of all, open, finished.
    Scope,
    /// Sort by the column to the right.
    SortNext,
    /// Sort by the column to the left.
    SortPrevious,
    /// Turn the order round.
    Invert,
    /// Hold the picture, or let it go.
    Freeze,
    /// Show or leave the help.
    Help,
    /// Draw everything anew.
    Redraw,
    /// Stop as ^Z does.
    Suspend,
    /// End.
    Quit,
}

/// What is to be done outside of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw on a terminal of which nothing is known.
    Redraw,
    /// Give the terminal back to the shell until it continues us.
    Suspend,
    /// End the program.
    Quit,
}

/// Which sessions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Open and finished ones.
    All,
    /// Open ones.
    Open,
    /// Finished ones.
    Finished,
}

/// The order of the table.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// By this field's column.
    pub field: &'static Field,
    /// Against the column's natural order.
    pub inverted: bool,
}

/// Which line is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    /// The first one, whichever session that is.
    Top,
    /// This session's, wherever it goes.
    Session(SessionId),
}

/// What arrived while the picture was frozen.
#[derive(Debug, Default)]
struct Waiting {
    newest: Batch,
    closed: VecDeque<Session>,
    count: u64,
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    /// Name of this host, shown in the header.
    pub host: String,
    /// What the kernel reports at all.
    pub capture: Capture,
    /// What has the keyboard.
    pub mode: Mode,
    /// Which sessions are shown.
    pub scope: Scope,
    /// Only this family is shown.
    pub family: Option<Family>,
    /// The order of the table.
    pub sort: Sort,
    /// First line of the help that is shown.
    pub help_top: usize,
    store: Store,
    keep: usize,
    rows: Vec<Place>,
    selection: Selection,
    /// The selected line.
    selected: usize,
    /// The first line that is shown.
    top: usize,
    frozen: Option<Waiting>,
    size: Size,
    first_ns: u64,
    now_ns: u64,
}

impl App {
    /// A dashboard on a terminal of that size, that keeps that many finished sessions.
    pub fn new(host: String, capture: Capture, keep: usize, size: Size) -> Self {
        let busiest = fields::columns().find(|(f, _)| f.word == "rate");
        let (field, _) = busiest
            .or_else(|| fields::columns().next())
            .unwrap_or_else(|| unreachable!("FIELDS has columns"));
        App {
            host,
            capture,
            mode: Mode::Table,
            scope: Scope::All,
            family: None,
            sort: Sort {
                field,
                inverted: false,
            },
            help_top: 0,
            store: Store::new(keep),
            keep,
            rows: Vec::new(),
            selection: Selection::Top,
            selected: 0,
            top: 0,
            frozen: None,
            size,
            first_ns: 0,
            now_ns: 0,
        }
    }

    /// Takes in a batch. True if the picture is another now: once for every look at the open sessions, so that
    /// nothing re-sorts under the reader's eyes in between.
    pub fn batch(&mut self, batch: Batch) -> bool {
        if self.first_ns == 0 {
            self.first_ns = batch.taken_ns;
        }
        let looked = batch.open.is_some();
        if let Some(waiting) = &mut self.frozen {
            waiting.take(batch, self.keep);
            return looked;
        }
        self.now_ns = batch.taken_ns;
        self.store.apply(batch);
        if looked {
            self.rebuild();
        }
        looked
    }

    /// Does what a key asks for.
    pub fn update(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Help => {
                self.mode = if self.mode == Mode::Help {
                    Mode::Table
                } else {
                    Mode::Help
                };
                self.help_top = 0;
            }
            Action::Move(motion) if self.mode == Mode::Help => {
                let page = view::panes(self.area()).table.height.into();
                let last = view::help::lines().len().saturating_sub(page);
                self.help_top = moved(self.help_top, motion, page).min(last);
            }
            Action::Move(motion) => self.move_selection(motion),
            Action::Family(family) => {
                self.family = if self.family == Some(family) {
                    None
                } else {
                    Some(family)
                };
                self.rebuild();
            }
            Action::Scope => {
                self.scope = match self.scope {
                    Scope::All => Scope::Open,
                    Scope::Open => Scope::Finished,
                    Scope::Finished => Scope::All,
                };
                self.rebuild();
            }
            Action::SortNext => self.sort_by_neighbour(1),
            Action::SortPrevious => self.sort_by_neighbour(-1),
            Action::Invert => {
                self.sort.inverted = !self.sort.inverted;
                self.rebuild();
            }
            Action::Freeze => match self.frozen.take() {
                None => self.frozen = Some(Waiting::default()),
                Some(waiting) => {
                    self.batch(waiting.into_batch());
                    self.rebuild();
                }
            },
        }
        None
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.scroll_to_selection();
    }

    /// What is known of the sessions.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many lines the table has in all.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The sessions of the lines from the first one shown on, and whether each is the selected one.
    pub fn visible(&self, height: usize) -> impl Iterator<Item = (&Session, bool)> {
        let lines = self.rows.iter().enumerate().skip(self.top).take(height);
        lines.filter_map(|(i, &place)| Some((self.store.get(place)?, i == self.selected)))
    }

    /// Number of the selected line, from 1; 0 when there is none.
    pub fn position(&self) -> usize {
        if self.rows.is_empty() {
            0
        } else {
            self.selected + 1
        }
    }

    /// While the picture is frozen: how many sessions ended meanwhile.
    pub fn waiting(&self) -> Option<u64> {
        self.frozen.as_ref().map(|w| w.count)
    }

    /// How long the trace has run, s, at the moment that is shown.
    pub fn uptime_s(&self) -> u64 {
        self.now_ns.saturating_sub(self.first_ns) / 1_000_000_000
    }

    fn area(&self) -> ratatui::layout::Rect {
        ratatui::layout::Rect::new(0, 0, self.size.width, self.size.height)
    }

    fn shows(&self, session: &Session) -> bool {
        let scope = match self.scope {
            Scope::All => true,
            Scope::Open => session.is_open(),
            Scope::Finished => !session.is_open(),
        };
        scope && self.family.is_none_or(|f| f.version() == session.ip())
    }

    /// Chooses and sorts the lines anew, and finds the selected session among them.
    fn rebuild(&mut self) {
        let mut lines: Vec<(Place, &Session)> = self
            .store
            .open()
            .chain(self.store.finished())
            .filter(|(_, s)| self.shows(s))
            .collect();
        let Sort { field, inverted } = self.sort;
        let descending = field.column.is_some_and(|c| c.descending) != inverted;
        lines.sort_by(|(_, a), (_, b)| {
            let by_column = (field.get)(a).compare(&(field.get)(b));
            let by_column = if descending {
                by_column.reverse()
            } else {
                by_column
            };
            by_column.then_with(|| newest_first(a, b))
        });
        if let Selection::Session(id) = self.selection
            && let Some(line) = lines.iter().position(|(_, s)| s.id() == id)
        {
            self.selected = line;
        }
        self.rows = lines.into_iter().map(|(place, _)| place).collect();
        self.select(self.selected);
    }

    fn move_selection(&mut self, motion: Motion) {
        let page = view::panes(self.area()).rows();
        match motion {
            Motion::Bottom => self.select(usize::MAX),
            _ => self.select(moved(self.selected, motion, page)),
        }
        if motion == Motion::Top {
            self.selection = Selection::Top;
        }
    }

    /// Selects a line, the nearest that there is, and the session on it unless the top is what was asked for.
    fn select(&mut self, line: usize) {
        let moved = line != self.selected;
        self.selected = line.min(self.rows.len().saturating_sub(1));
        let session = self
            .rows
            .get(self.selected)
            .and_then(|&place| self.store.get(place));
        match (self.selection, session) {
            (Selection::Top, _) if !moved => self.selected = 0,
            (_, Some(session)) => self.selection = Selection::Session(session.id()),
            (_, None) => self.selection = Selection::Top,
        }
        self.scroll_to_selection();
    }

    fn scroll_to_selection(&mut self) {
        let height = view::panes(self.area()).rows().max(1);
        let last_top = self.rows.len().saturating_sub(height);
        self.top = self
            .top
            .min(self.selected)
            .max((self.selected + 1).saturating_sub(height))
            .min(last_top);
    }

    /// By a column that is on the screen: what one cannot see one does not sort by.
    fn sort_by_neighbour(&mut self, step: isize) {
        let shown = view::table::columns(self.size.width);
        let now = shown
            .iter()
            .position(|c| c.field.word == self.sort.field.word);
        let next = now.map_or(0, |i| {
            (i as isize + step).rem_euclid(shown.len() as isize) as usize
        });
        if let Some(column) = shown.get(next) {
            self.sort = Sort {
                field: column.field,
                inverted: false,
            };
        }
        self.rebuild();
    }
}

impl Waiting {
    /// Keeps the newest picture of the open ones and the newest of the finished ones, within bounds.
    fn take(&mut self, batch: Batch, keep: usize) {
        self.count += batch.closed.len() as u64;
        self.closed.extend(batch.closed);
        let open = batch.open.or_else(|| self.newest.open.take());
        self.newest = Batch {
            open,
            closed: Vec::new(),
            ..batch
        };
        let over = self.closed.len().saturating_sub(keep.max(1));
        self.closed.drain(..over);
    }

    fn into_batch(self) -> Batch {
        Batch {
            closed: self.closed.into(),
            ..self.newest
        }
    }
}

fn moved(from: usize, motion: Motion, page: usize) -> usize {
    match motion {
        Motion::Up => from.saturating_sub(1),
        Motion::Down => from.saturating_add(1),
        Motion::PageUp => from.saturating_sub(page),
        Motion::PageDown => from.saturating_add(page),
        Motion::HalfUp => from.saturating_sub(page / 2),
        Motion::HalfDown => from.saturating_add(page / 2),
        Motion::Top => 0,
        Motion::Bottom => usize::MAX,
    }
}

/// What decides between equals: open before finished, then the newest, so that lines do not jump about.
fn newest_first(a: &Session, b: &Session) -> Ordering {
    let by_time = if a.is_open() {
        b.start_ns.cmp(&a.start_ns)
    } else {
        b.end_ns.cmp(&a.end_ns)
    };
    b.is_open()
        .cmp(&a.is_open())
        .then(by_time)
        .then(b.cookie.cmp(&a.cookie))
}
