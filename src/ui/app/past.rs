//! Looking back: the state of the dashboard at a moment of the past, built from the black box, while the live one goes on.
//!
//! The live state and the one of the past are each a whole [`App`]; what they do not share is exchanged. Only one of them is on the
//! screen, and the keys go to that one.

mod baseline;
mod journey;
mod save;
mod times;
mod travel;

use std::sync::Arc;

use jiff::Timestamp;

use crate::collector::replay::{Passage, SeekableReplay};
use crate::model::batch::Batch;
use crate::model::black_box::{BlackBox, Bounds, Frame};
use crate::model::recording::Header;
use crate::model::session::SessionId;
use crate::model::store::SessionRef;
use crate::ui::action::{Action, Mode};
use crate::ui::app::effect::Effect;
use crate::ui::app::past::journey::{Journey, Purpose, Way};
use crate::ui::app::{App, Selection};
use crate::ui::state::known_totals::KnownSum;
use crate::ui::state::past::{FreezeOn, Watch};
use crate::ui::state::screens::Screen;
use crate::ui::state::self_traffic::SelfTraffic;

/// Sessions that are unpacked for a moment at most, if an earlier full state is not needed for it: less than a second.
const MOST_SESSIONS: u64 = 300_000;
/// Sessions seen among the closed ones to find one again.
const RECENT: usize = 1 << 16;

/// The past, as far as it is known.
#[derive(Debug)]
pub struct Past {
    pub black_box: BlackBox,
    /// Condition on which the black box freezes.
    pub watch: Option<Watch>,
    /// Origin of what the black box has, for a recording of it.
    pub origin: Header,
    /// Recordings that reach further back than the black box.
    pub seekable: Option<SeekableReplay>,
    /// The way on which the moment that is shown was reached, if that was through recordings: it goes on to later ones.
    passage: Option<Box<Passage>>,
    /// The live state, while another one is shown.
    live: Option<Box<App>>,
    /// Moment of the baseline that moments after it are compared with, ns of boot time.
    baseline_ns: Option<u64>,
    /// The way to a moment that is to be shown.
    journey: Option<Journey>,
    /// The way to a baseline of now.
    to_baseline: Option<Journey>,
    /// This state is being built, and is not on the screen.
    is_hidden: bool,
}

impl Default for Past {
    fn default() -> Self {
        Past::new(Bounds {
            time_ns: None,
            bytes: 0,
        })
    }
}

impl Past {
    /// Creates a past that nothing is known of yet.
    pub fn new(bounds: Bounds) -> Self {
        Past {
            black_box: BlackBox::new(bounds),
            watch: None,
            origin: Header::default(),
            seekable: None,
            passage: None,
            live: None,
            baseline_ns: None,
            journey: None,
            to_baseline: None,
            is_hidden: false,
        }
    }
}

impl App {
    /// Keeps a past within these bounds, with this origin.
    pub fn with_past(
        mut self,
        bounds: Bounds,
        origin: Header,
        freeze_on: Option<FreezeOn>,
    ) -> Self {
        self.past = Past {
            origin,
            watch: freeze_on.map(Watch::new),
            ..Past::new(bounds)
        };
        self
    }

    /// True while a moment of the past is shown.
    pub fn is_past(&self) -> bool {
        self.past.live.is_some()
    }

    /// True if this state is being built, and not shown.
    pub(super) fn is_hidden(&self) -> bool {
        self.past.is_hidden
    }

    /// The state of now.
    pub(super) fn live(&self) -> &App {
        self.past.live.as_deref().unwrap_or(self)
    }

    /// See [`App::live`].
    pub(super) fn live_mut(&mut self) -> &mut App {
        match self.past.live {
            Some(ref mut live) => live,
            None => self,
        }
    }

    /// First and last moment that can be shown, ns of boot time.
    pub fn reach(&self) -> Option<(u64, u64)> {
        let kept = self.past.black_box.reach();
        let seekable = self.past.seekable.as_ref();
        match (kept, seekable.map(|seekable| seekable.first_ns)) {
            (kept, None) => kept,
            (Some((first_ns, last_ns)), Some(read_ns)) => Some((first_ns.min(read_ns), last_ns)),
            (None, Some(read_ns)) => Some((read_ns, self.live().now_ns.max(read_ns))),
        }
    }

    /// True if a moment is not kept, and can be read of recordings.
    fn is_read(&self, at_ns: u64) -> bool {
        let kept = self.past.black_box.reach();
        let kept_ns = kept.map_or(self.live().now_ns, |(first_ns, _)| first_ns);
        self.past.seekable.is_some() && at_ns < kept_ns
    }

    /// When sessions were first counted, ns of boot time.
    pub fn started_ns(&self) -> u64 {
        self.live().first_ns
    }

    /// Moment that is being gone to, ns of boot time.
    pub fn destination(&self) -> Option<u64> {
        let journey = self.past.journey.as_ref();
        journey
            .filter(|j| j.purpose == Purpose::Show)
            .map(|j| j.to_ns)
    }

    /// Closed sessions and missed ones at the moment that is shown.
    pub fn known_sums(&self) -> [KnownSum; 2] {
        let by_connection = self.view_filter.pairs;
        if self.is_past() {
            let known = &self.live().known_totals;
            let is_whole = self.first_ns <= self.started_ns();
            return known.at(self.now_ns, (&self.store, is_whole), by_connection);
        }
        let closed = self.store.host_figures(by_connection).closed;
        [closed, self.store.totals().missed.certain()].map(|sum| KnownSum {
            sum,
            is_lower_bound: false,
        })
    }

    /// True while the rates, findings and the like of the moment that is shown are being computed.
    pub fn is_completing(&self) -> bool {
        let journey = self.past.journey.as_ref();
        journey.is_some_and(|j| j.purpose == Purpose::Complete)
    }

    /// Time between the moment that is shown and now, ns.
    pub fn ago_ns(&self) -> u64 {
        self.live().now_ns.saturating_sub(self.now_ns)
    }

    /// Takes a frame of the black box.
    pub fn frame(&mut self, frame: Arc<Frame>) {
        if let Some(journey) = &mut self.past.to_baseline
            && let Way::Kept(player) = &mut journey.way
        {
            player.push(Arc::clone(&frame));
        }
        self.past.black_box.push(frame);
    }

    /// Watches a batch for the condition on which the black box freezes. True if the screen changes.
    pub(super) fn watch_batch(&mut self, batch: &Batch) -> bool {
        let Some(watch) = self
            .past
            .watch
            .as_mut()
            .filter(|_| !self.past.black_box.is_frozen)
        else {
            return false;
        };
        let was_met = watch.met_ns.is_some();
        let freezes = watch.take(batch);
        self.past.black_box.is_frozen |= freezes;
        if freezes {
            let key = self.keymap.of(Mode::Table, Action::FreezeOn);
            let text = format!("the black box is frozen; {key} thaws it");
            self.notice.say_next(text);
        }
        freezes || was_met != self.past.watch.as_ref().is_some_and(|w| w.met_ns.is_some())
    }

    /// Takes a batch while a moment of the past is shown. True if the screen changes.
    pub(super) fn batch_behind(&mut self, batch: Batch) -> bool {
        let is_over = self.notice.pass(batch.taken_ns);
        self.live_mut().batch(batch) | is_over
    }

    /// Wall-clock time of an instant, by the clock of now.
    pub fn wall(&self, at_ns: u64) -> Timestamp {
        self.live().names.times.clock.wall(at_ns)
    }

    /// Time that the recording reaches back, ns.
    pub fn recorded_ns(&self) -> Option<u64> {
        let since = self.recording.as_ref()?.since?;
        let now = self.wall(self.live().now_ns);
        Some(u64::try_from(now.duration_since(since).as_nanos()).unwrap_or(0))
    }

    /// Formats an instant, by the clock of now: see [`App::time`].
    pub fn time_at(&self, at_ns: u64) -> String {
        self.time(self.wall(at_ns))
    }

    /// A state like this one that knows nothing yet.
    pub(super) fn blank(&self) -> App {
        let mut app = App::new(
            self.host.clone(),
            self.capture.clone(),
            self.store.keep_limit(),
            self.size,
        );
        app.view_filter = self
            .view_filter
            .restarted(SelfTraffic::new(&self.session_env));
        app.session_env = self.session_env.clone();
        app.sort = self.sort;
        app.interval = self.interval;
        app.reference = self.reference.clone();
        app.ports = self.session_env.port_use();
        app.findings = self.findings.restarted();
        app.panes = self.panes.restarted();
        app.names.times.zone = self.names.times.zone.clone();
        app.past.is_hidden = true;
        app
    }

    /// Goes back to now.
    pub(super) fn return_to_now(&mut self) -> Option<Effect> {
        self.past.journey = None;
        let Some(mut live) = self.past.live.take() else {
            self.notice.hint("this is now".into());
            return None;
        };
        let selected = self.selected_id();
        let detail = self.close_detail();
        self.exchange(&mut live);
        self.names.times.is_then = self.is_replay;
        self.show_exchanged(selected, detail);
        self.past.passage = None;
        // now means now
        self.thaw();
        self.past.baseline_ns = None;
        self.due()
    }

    fn close_detail(&mut self) -> Option<SessionId> {
        let id = self.layers.detail().map(|detail| detail.id());
        self.leave_detail();
        id
    }

    /// Session that is selected; `None`: the first line, whichever that is.
    fn selected_id(&self) -> Option<SessionId> {
        self.selected_session().map(|(id, _)| id)
    }

    /// Shows everything that there is of the other state.
    fn show_exchanged(&mut self, selected: Option<SessionId>, detail: Option<SessionId>) {
        self.selection = Selection::Top;
        self.hidden = None;
        if self.baseline.is_none() && matches!(self.layers.screen(), Some(Screen::Baseline(_))) {
            self.layers.take_screen();
            self.notice.hint("there was no baseline then".into());
        }
        self.rows.forget(&mut self.store);
        self.choose();
        let place = selected.and_then(|id| self.place_of(id));
        if let Some(id) = selected {
            self.select_again(place.map(|place| (id, place)));
        }
        if let Some(id) = detail {
            let place = match detail == selected {
                true => place,
                false => self.place_of(id),
            };
            let session = place.and_then(|place| self.store.get(place));
            match session.cloned() {
                // the effect comes with the next batch
                Some(session) => drop(self.open(Some(session))),
                None => self
                    .notice
                    .hint("the session is not there at this moment".into()),
            }
        }
        self.update_baseline();
        self.adapt_to_layout();
    }

    /// Finds a session in the store, if it is open or closed not very long ago.
    fn place_of(&self, id: SessionId) -> Option<SessionRef> {
        self.find_again(id, SessionRef::Open(id.cookie), RECENT)
    }

    /// Exchanges everything that is of a moment with another state.
    fn exchange(&mut self, other: &mut App) {
        macro_rules! exchange {
            ($($member:ident).+) => { std::mem::swap(&mut self.$($member).+, &mut other.$($member).+) };
        }
        let shown = self.view_filter.self_traffic.shown;
        exchange!(store);
        exchange!(rows);
        exchange!(panes);
        exchange!(host_histories);
        exchange!(known_totals);
        exchange!(host_state);
        exchange!(ports);
        exchange!(time_wait_s);
        exchange!(findings);
        exchange!(failed);
        exchange!(baseline);
        exchange!(baseline_set);
        exchange!(baseline_ns);
        exchange!(is_compared);
        exchange!(left_details);
        exchange!(waiting);
        exchange!(arriving);
        exchange!(paused);
        exchange!(is_recaptured);
        exchange!(followed);
        exchange!(hidden);
        exchange!(selection);
        exchange!(first_ns);
        exchange!(now_ns);
        exchange!(names.times.clock);
        exchange!(names.times.now_ns);
        exchange!(view_filter.self_traffic);
        exchange!(interval.stretched);
        self.view_filter.self_traffic.shown = shown;
        self.panes.arrange_as(&other.panes);
    }
}
