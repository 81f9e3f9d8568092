//! Looking back: the state of the dashboard at a moment of the past, built from the black box, while the live one goes on.
//!
//! The live state and the one of the past are each a whole [`App`]; what they do not share is exchanged. Only one of them is on the
//! screen, and the keys go to that one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use crate::collector::replay::{Depth, Passage, SeekableReplay};
use crate::model::batch::Batch;
use crate::model::black_box::{BlackBox, Bounds, Frame, Player};
use crate::model::recording::{Header, ReadError};
use crate::model::session::SessionId;
use crate::model::span::Span;
use crate::model::store::SessionRef;
use crate::output::Limits;
use crate::output::black_box::{PastBatches, PastRecorder, Saver};
use crate::output::report::{Format, Origin, PastReport};
use crate::text::moment;
use crate::text::units::S;
use crate::ui::action::{Action, Mode};
use crate::ui::app::asked::{CarryOut, LineError};
use crate::ui::app::effect::Effect;
use crate::ui::app::{App, Selection};
use crate::ui::state::asked::Asks;
use crate::ui::state::export::TypedSpan;
use crate::ui::state::known_totals::KnownSum;
use crate::ui::state::past::{FreezeOn, Watch};
use crate::ui::state::screens::Screen;
use crate::ui::state::self_traffic::SelfTraffic;

/// Sessions that are unpacked for a moment at most, if an earlier full state is not needed for it: less than a second.
const MOST_SESSIONS: u64 = 300_000;
/// Time before and after a moment of the past that is offered to be saved, ns.
const AROUND_NS: u64 = 120 * S;
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

/// A way to another moment.
#[derive(Debug)]
struct Journey {
    to_ns: u64,
    way: Way,
    /// It goes on to the first moment that there is.
    goes_on: bool,
    /// The state that is being built; `None`: the one that is shown moves on.
    app: Option<Box<App>>,
    /// Moment on the way at which the baseline is set, ns of boot time.
    baseline_ns: Option<u64>,
    /// At its end, the baseline is set there.
    sets_baseline: bool,
    purpose: Purpose,
}

/// Where the batches up to a moment come from.
#[derive(Debug)]
enum Way {
    Kept(Box<Player>),
    Read(Box<Passage>),
}

impl Way {
    /// Returns the next batch up to a moment, if there is one, and true if more follows.
    fn next(&mut self, to_ns: u64) -> Result<(Option<Batch>, bool), String> {
        match self {
            Way::Kept(player) => player.next().map_err(|e| e.to_string()),
            Way::Read(passage) => passage.next(to_ns).map_err(|e| e.to_string()),
        }
    }
}

/// Use of the state at the end of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Show,
    /// The same moment is shown, built of less: this one replaces it.
    Complete,
    /// Its baseline becomes that of the live state, once it is of the same moment.
    Baseline,
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

    /// Goes so many moments forward or back.
    pub(super) fn step_in_time(&mut self, by: isize) -> Option<Effect> {
        let from_ns = self.destination().unwrap_or(self.now_ns);
        if self.is_read(from_ns.saturating_sub(u64::from(by < 0))) {
            return self.step_in_recordings(from_ns, by);
        }
        match self.past.black_box.step(from_ns, by) {
            // the last moment is now
            Some(to_ns) if by > 0 && self.is_last(to_ns) => self.return_to_now(),
            Some(to_ns) => self.travel(to_ns),
            None if by > 0 => self.return_to_now(),
            None => self.say_first_moment(),
        }
    }

    /// Goes a moment forward or back where the moments between are not known.
    fn step_in_recordings(&mut self, from_ns: u64, by: isize) -> Option<Effect> {
        // on the way it is not known yet which moment will be reached
        let is_on_the_way = self.destination().is_some();
        match (by < 0, is_on_the_way) {
            (true, true) => self.go_to_moment(from_ns.saturating_sub(S)),
            (true, false) => self.go_to_moment(from_ns - 1),
            (false, true) => self.go_to_moment(from_ns + S),
            (false, false) => self.travel_in_recordings(from_ns, true),
        }
    }

    /// Goes so many minutes forward or back.
    pub(super) fn step_by_minutes(&mut self, by: i64) -> Option<Effect> {
        let from_ns = self.destination().unwrap_or(self.now_ns);
        let by_ns = by.saturating_mul(60 * S as i64);
        self.go_to_moment(from_ns.saturating_add_signed(by_ns))
    }

    fn is_last(&self, at_ns: u64) -> bool {
        let last = self.past.black_box.reach().map(|(_, last)| last);
        !self.past.black_box.is_frozen && last.is_none_or(|last| at_ns >= last)
    }

    pub(super) fn why_empty(&self) -> &'static str {
        match self.past.black_box.is_off() {
            true => "the black box is switched off: black-box-memory in the configuration",
            false => "the black box has nothing yet",
        }
    }

    fn say_first_moment(&mut self) -> Option<Effect> {
        let text = match self.reach() {
            Some((first_ns, _)) => {
                let first = self.time_at(first_ns);
                match self.is_read(first_ns) {
                    true => format!("the recording begins at {first}"),
                    false => format!("the black box reaches back to {first}"),
                }
            }
            None => self.why_empty().into(),
        };
        self.notice.hint(text);
        None
    }

    /// Goes to the moment at a time, or to the nearest one that there is.
    fn go_to_moment(&mut self, at_ns: u64) -> Option<Effect> {
        if self.is_read(at_ns) {
            let first_ns = self.reach().map_or(0, |(first_ns, _)| first_ns);
            if at_ns < first_ns {
                self.say_first_moment();
            }
            return self.travel_in_recordings(at_ns.max(first_ns), false);
        }
        let Some(to_ns) = self.past.black_box.moment_at(at_ns) else {
            return self.say_first_moment();
        };
        if self.is_last(at_ns) {
            return self.return_to_now();
        }
        if to_ns > at_ns {
            self.say_first_moment();
        }
        self.travel(to_ns)
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

    /// Sets out for a moment. What is shown stays until it can be shown.
    fn travel(&mut self, to_ns: u64) -> Option<Effect> {
        let is_further = self.is_past() && to_ns > self.now_ns && !self.is_read(self.now_ns);
        let (frames, app) = match is_further {
            true => (self.past.black_box.frames_between(self.now_ns, to_ns), None),
            false => {
                let frames = self.past.black_box.frames_to(to_ns, MOST_SESSIONS);
                (frames, Some(Box::new(self.blank())))
            }
        };
        let baseline_ns = self.baseline_on_the_way(&frames);
        // the state that is shown is not at the beginning of a frame with all open sessions
        let player = match is_further {
            true => Player::after_full(frames),
            false => Player::new(frames),
        };
        match player {
            Ok(player) => {
                self.past.journey = Some(Journey {
                    to_ns,
                    way: Way::Kept(Box::new(player)),
                    goes_on: false,
                    app,
                    baseline_ns,
                    sets_baseline: false,
                    purpose: Purpose::Show,
                });
            }
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
        None
    }

    /// Sets out for a moment that is read of recordings; `is_next`: the first one after it.
    fn travel_in_recordings(&mut self, to_ns: u64, is_next: bool) -> Option<Effect> {
        let seekable = self.past.seekable.as_ref();
        let is_near = |to_ns| seekable.is_some_and(|s| s.is_near(self.now_ns, to_ns));
        let is_further = self.is_past() && (is_next || to_ns > self.now_ns && is_near(to_ns));
        let passage = self.past.passage.take_if(|_| is_further);
        let (way, app) = match passage {
            Some(passage) => (Ok(Some(passage)), None),
            None => {
                let way = self.seek(to_ns, Depth::Rows);
                (way, Some(Box::new(self.blank())))
            }
        };
        match way {
            Ok(Some(passage)) => {
                // what was on the way does not go on
                self.past.passage = None;
                self.past.journey = Some(Journey {
                    to_ns: to_ns + u64::from(is_next),
                    way: Way::Read(passage),
                    goes_on: is_next,
                    app,
                    baseline_ns: None,
                    sets_baseline: false,
                    purpose: Purpose::Show,
                });
            }
            Ok(None) => {}
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
        None
    }

    /// A way through recordings to a moment; `None`: there is none.
    fn seek(&self, to_ns: u64, depth: Depth) -> Result<Option<Box<Passage>>, ReadError> {
        let seekable = self.past.seekable.as_ref();
        let way = seekable.map(|seekable| seekable.seek(to_ns, depth));
        Ok(way.transpose()?.flatten().map(Box::new))
    }

    /// Sets out for the moment that is shown again, with all that rates and findings look back at.
    fn complete(&mut self) {
        match self.seek(self.now_ns, Depth::Whole) {
            Ok(Some(passage)) => {
                self.past.journey = Some(Journey {
                    to_ns: self.now_ns,
                    way: Way::Read(passage),
                    goes_on: false,
                    app: Some(Box::new(self.blank())),
                    baseline_ns: None,
                    sets_baseline: false,
                    purpose: Purpose::Complete,
                });
            }
            Ok(None) => {}
            Err(e) => self.notice.complain(format!("cannot look back: {e}")),
        }
    }

    /// Moment of the baseline, if these frames have it.
    fn baseline_on_the_way(&self, frames: &[Arc<Frame>]) -> Option<u64> {
        let live = self.live();
        let of_live = live.baseline.is_some().then_some(live.baseline_ns);
        let at_ns = self.past.baseline_ns.or(of_live);
        at_ns.filter(|at_ns| frames.first().is_some_and(|f| f.from_ns <= *at_ns))
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

    /// True while what is to be shown is on its way, or now behind it moves on.
    pub(super) fn is_travelling(&self) -> bool {
        let live = self.past.live.as_ref();
        self.past.journey.is_some() && !self.is_completing()
            || live.is_some_and(|live| live.is_working())
    }

    /// Goes on with a part of that. False if there is nothing to do.
    pub(super) fn work_on_past(&mut self) -> bool {
        if let Some(live) = &mut self.past.live
            && live.is_working()
        {
            live.work();
            return true;
        }
        let journey = self.past.journey.take_if(|j| j.purpose == Purpose::Show);
        journey.is_some_and(|journey| self.travel_on(journey))
    }

    /// True while there is something to do for the past that nothing on the screen waits for.
    pub(super) fn is_working_behind(&self) -> bool {
        // for the frame with the moment of now
        let is_waiting = |j: &Journey| {
            let app = j.app.as_ref();
            let is_now = app.is_some_and(|app| app.now_ns == self.live().now_ns);
            let is_done = matches!(&j.way, Way::Kept(player) if player.is_done());
            is_done && !is_now
        };
        self.is_completing()
            || self
                .past
                .to_baseline
                .as_ref()
                .is_some_and(|j| !is_waiting(j))
    }

    /// Goes on with a part of that.
    pub(super) fn work_behind(&mut self) {
        let completing = self
            .past
            .journey
            .take_if(|j| j.purpose == Purpose::Complete);
        if let Some(journey) = completing.or_else(|| self.past.to_baseline.take()) {
            self.travel_on(journey);
        }
    }

    /// Goes on with a journey later.
    fn pause(&mut self, journey: Journey) {
        match journey.purpose {
            Purpose::Show | Purpose::Complete => self.past.journey = Some(journey),
            Purpose::Baseline => self.past.to_baseline = Some(journey),
        }
    }

    /// Goes on with a part of a journey. False if there is nothing to do yet.
    fn travel_on(&mut self, mut journey: Journey) -> bool {
        let live_ns = self.live().now_ns;
        let app = journey.app.as_deref_mut().unwrap_or(self);
        if app.is_arriving() {
            app.work();
            self.pause(journey);
            return true;
        }
        if journey
            .baseline_ns
            .take_if(|at| app.now_ns >= *at)
            .is_some()
        {
            app.set_baseline();
        }
        let is_there = match journey.purpose {
            // a moment after the one that was asked for, as there is none before it
            Purpose::Show => journey.goes_on && app.now_ns >= journey.to_ns,
            Purpose::Complete => false,
            Purpose::Baseline => app.now_ns == live_ns && app.baseline.is_some(),
        };
        if !is_there {
            let to_ns = match journey.goes_on {
                true => u64::MAX,
                false => journey.to_ns,
            };
            match journey.way.next(to_ns) {
                Ok((Some(batch), _)) => {
                    app.take_batch(batch);
                    self.pause(journey);
                    return true;
                }
                Ok((None, true)) => {
                    self.pause(journey);
                    return true;
                }
                Ok((None, false)) if journey.purpose == Purpose::Baseline => {
                    self.pause(journey);
                    return false;
                }
                Ok((None, false))
                    if journey.purpose == Purpose::Show
                        && !journey.goes_on
                        && !app.has_snapshot() =>
                {
                    journey.goes_on = true;
                    self.pause(journey);
                    return true;
                }
                Ok((None, false)) => {}
                Err(e) => {
                    self.notice.complain(format!("cannot look back: {e}"));
                    return true;
                }
            }
        }
        self.arrive_at(journey);
        true
    }

    /// Uses what a journey has built.
    fn arrive_at(&mut self, journey: Journey) {
        if journey.purpose == Purpose::Show {
            let is_back = self.is_past() && journey.to_ns < self.now_ns;
            let is_same = journey.app.as_ref().map(|app| app.now_ns) == Some(self.now_ns);
            if is_back && is_same {
                self.say_first_moment();
            }
        }
        if journey.purpose != Purpose::Baseline {
            self.past.passage = match journey.way {
                Way::Read(passage) => Some(passage),
                Way::Kept(_) => None,
            };
        }
        match (journey.purpose, journey.app) {
            (Purpose::Show | Purpose::Complete, Some(app)) => self.arrive_in_past(app),
            (Purpose::Baseline, Some(app)) => self.take_baseline(*app),
            // the state that is shown has moved on
            (_, None) => {}
        }
        if journey.sets_baseline {
            self.set_baseline_then();
        }
        let passage = self.past.passage.as_ref();
        if journey.purpose == Purpose::Show && passage.is_some_and(|p| !p.is_whole) {
            self.complete();
        }
    }

    /// Shows a state that has been built.
    fn arrive_in_past(&mut self, mut built: Box<App>) {
        let selected = self.selected_id();
        let detail = self.close_detail();
        self.exchange(&mut built);
        self.names.times.is_then = true;
        // the state of now is kept, any other one was of the past
        if self.past.live.is_none() {
            built.past.is_hidden = false;
            self.past.live = Some(built);
        }
        self.show_exchanged(selected, detail);
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

    /// Sets a baseline at the moment of the past that is shown, which now is compared with later.
    pub(super) fn set_baseline_then(&mut self) {
        if self.is_read(self.now_ns) {
            return self.set_baseline_of_recordings();
        }
        self.reference = None;
        // also if more sessions have closed since than are unpacked for a moment
        let mut frames = self.past.black_box.frames_to(self.now_ns, MOST_SESSIONS);
        let later = self.past.black_box.frames_between(self.now_ns, u64::MAX);
        frames.extend(later);
        self.set_baseline();
        self.past.baseline_ns = Some(self.now_ns);
        let at = self.time_at(self.now_ns);
        let text = format!("baseline set at {at}; back at now it is compared with now");
        self.notice.say(text);
        self.build_baseline(frames, Some(self.now_ns));
    }

    /// Sets a baseline at a moment that memory does not have. What memory has is compared with it, and so is any other moment.
    fn set_baseline_of_recordings(&mut self) {
        if let Some(journey) = &mut self.past.journey
            && journey.purpose == Purpose::Complete
        {
            journey.sets_baseline = true;
            return self.notice.say("setting the baseline …".into());
        }
        let counted = self.counted_baseline();
        let set = self.wall(self.now_ns);
        self.reference = Some(Arc::new((counted, set)));
        self.is_compared = false;
        self.place_reference();
        self.past.baseline_ns = None;
        let text = format!(
            "baseline set at {}; all other moments are compared with it",
            self.time(set)
        );
        self.notice.say(text);
        let frames = self.past.black_box.frames().cloned().collect();
        self.build_baseline(frames, None);
        self.refresh_screen();
    }

    /// Sets out to build the baseline of now from these frames; `at_ns`: its moment, if that is one of theirs.
    fn build_baseline(&mut self, frames: Vec<Arc<Frame>>, at_ns: Option<u64>) {
        match Player::new(frames) {
            Ok(player) => {
                self.past.to_baseline = Some(Journey {
                    to_ns: u64::MAX,
                    way: Way::Kept(Box::new(player)),
                    goes_on: false,
                    app: Some(Box::new(self.blank())),
                    baseline_ns: at_ns,
                    sets_baseline: false,
                    purpose: Purpose::Baseline,
                });
            }
            Err(e) => self
                .notice
                .complain(format!("cannot set a baseline then: {e}")),
        }
    }

    /// Gives a baseline to the state of now.
    fn take_baseline(&mut self, built: App) {
        let live = self.live_mut();
        live.baseline = built.baseline;
        live.baseline_set = built.baseline_set;
        live.baseline_ns = built.baseline_ns;
        live.is_compared = true;
        live.update_baseline();
        if !self.is_past() {
            self.refresh_screen();
        }
    }

    /// Opens the prompt for a time.
    pub(super) fn ask_time(&mut self) {
        self.ask(Asks::Time, String::new());
    }

    /// Opens the prompt for a condition; thaws the black box if it is frozen.
    pub(super) fn ask_freeze_on(&mut self) -> Option<Effect> {
        if self.past.black_box.is_frozen {
            let effect = self.is_past().then(|| self.return_to_now()).flatten();
            self.past.black_box.thaw();
            self.past.watch = None;
            self.notice.say("the black box goes on, from now".into());
            return effect;
        }
        let text = self.past.watch.as_ref().map(|watch| watch.on.to_string());
        self.ask(Asks::FreezeOn, text.unwrap_or_default());
        None
    }

    /// The effect of a typed condition.
    pub(super) fn condition_of(&self, text: &str) -> Result<CarryOut, LineError> {
        if text.trim().is_empty() {
            return Ok(Box::new(|app| {
                if app.past.watch.take().is_some() {
                    app.notice.say("the black box does not freeze".into());
                }
                None
            }));
        }
        let on = FreezeOn::parse(text, self.uid_of)?;
        Ok(Box::new(move |app| {
            let text = format!("the black box freezes 2 minutes after `{on}`");
            app.notice.say(text);
            app.past.watch = Some(Watch::new(on));
            None
        }))
    }

    /// The effect of a typed time.
    pub(super) fn time_of(&self, text: &str) -> Result<CarryOut, LineError> {
        let to_ns = self.time_to_go(text)?;
        let remark = self.remark_on_clock(text);
        Ok(Box::new(move |app| {
            let effect = app.go_to_moment(to_ns);
            if let Some(remark) = remark {
                app.notice.say(remark);
            }
            effect
        }))
    }

    /// The wall-clock time of a text, and true if it asks for the first time that the clock had it.
    fn wall_of(&self, text: &str) -> Result<(Timestamp, bool), LineError> {
        let first = moment::without_first(text);
        let text = first.unwrap_or(text);
        let live = self.live();
        let now = match text.trim() {
            "" | "now" => self.wall(live.now_ns),
            ago if ago.starts_with('-') => self.wall(live.now_ns),
            _ => live.names.times.clock.latest(live.now_ns),
        };
        let at = moment::looking_back(text, now, &self.names.times.zone)?;
        Ok((at, first.is_some()))
    }

    /// The boot time that a text means, ns. An error says what is possible.
    pub(super) fn time_to_go(&self, text: &str) -> Result<u64, LineError> {
        let (at, is_first) = self.wall_of(text)?;
        let now = self.wall(self.live().now_ns);
        let all = || 0..text.len();
        let Some((first_ns, _)) = self.reach() else {
            return Err((all(), self.why_empty().into()));
        };
        let clock = &self.live().names.times.clock;
        if at > clock.latest(self.live().now_ns) {
            return Err((all(), "is in the future".into()));
        }
        let boots = self.boots_of(at);
        let at_ns = match is_first {
            true => boots.last(),
            false => boots.first(),
        };
        let at_ns = at_ns.copied().or_else(|| clock.boot(at));
        let at_ns = at_ns.unwrap_or(0);
        // times of day are shown and typed to the second
        let whole_ns = match text.trim_start().starts_with('-') {
            true => 1,
            false => S,
        };
        if at_ns + whole_ns <= first_ns {
            let [first, now] = [self.wall(first_ns), now].map(|at| self.time(at));
            let what = match self.is_read(first_ns) {
                true => "the recording",
                false => "the black box",
            };
            let text = format!("{what} reaches from {first} to {now}");
            return Err((all(), text));
        }
        Ok(at_ns + whole_ns - 1)
    }

    /// Boot times up to now at which the clock had a time, the latest first, ns.
    fn boots_of(&self, at: Timestamp) -> Vec<u64> {
        let live = self.live();
        let mut boots = live.names.times.clock.all_boots(at);
        boots.retain(|ns| *ns <= live.now_ns);
        boots
    }

    /// Remark on a text whose time the clock had more or less than once.
    fn remark_on_clock(&self, text: &str) -> Option<String> {
        let (at, is_first) = self.wall_of(text).ok()?;
        let (first_ns, _) = self.reach()?;
        let boots = self.boots_of(at);
        let times = boots.iter().filter(|ns| **ns + S > first_ns).count();
        let time = self.time(at);
        match times {
            0 if boots.is_empty() => Some(format!(
                "the clock was set forward past {time}: this is the moment at which it was"
            )),
            2.. if is_first => Some(format!(
                "the clock was set back, and had {time} {times} times: this is the first one"
            )),
            2.. => Some(format!(
                "the clock was set back, and had {time} {times} times: this is the last one; `{time} {}` is the first",
                moment::FIRST
            )),
            _ => None,
        }
    }

    /// Times around a moment, as the prompt for a file takes them, as far as there is something.
    pub(super) fn times_around(&self, at_ns: u64) -> String {
        let Some((first_ns, last_ns)) = self.reach() else {
            return String::new();
        };
        let zone = &self.names.times.zone;
        let today = self.wall(self.live().now_ns).to_zoned(zone.clone()).date();
        let text = |ns: u64| {
            let at = self
                .wall(ns.clamp(first_ns, last_ns))
                .to_zoned(zone.clone());
            let form = if at.date() == today { "%T" } else { "%F %T" };
            at.strftime(form).to_string()
        };
        let (from, to) = (at_ns.saturating_sub(AROUND_NS), at_ns + AROUND_NS);
        format!(" from {} to {}", text(from), text(to))
    }

    /// The time that is to be saved, ns of boot time, both ends included; `None`: all that memory has. An error says what is possible.
    pub(super) fn span_to_save(
        &self,
        typed: TypedSpan<'_>,
    ) -> Result<Option<(u64, u64)>, LineError> {
        if typed == TypedSpan::default() {
            // without anything in memory, all is read
            let kept = self.past.black_box.reach();
            return Ok(self.reach().filter(|_| kept.is_none()));
        }
        let place = |at: usize, text: &str| at..at + text.len();
        let end = |typed: Option<(usize, &str)>, default: u64| match typed {
            Some((at, text)) => self
                .time_to_go(text)
                .map_err(|(_, wrong)| (place(at, text), wrong)),
            None => Ok(default),
        };
        let (first_ns, last_ns) = self.reach().unwrap_or_default();
        let from_ns = end(typed.from, first_ns)?;
        let to_ns = end(typed.to, last_ns)?;
        // a time of day is the whole second
        let from_ns = match typed.from {
            Some((_, text)) if !text.trim_start().starts_with('-') => from_ns + 1 - S,
            _ => from_ns,
        };
        match typed.to.or(typed.from) {
            Some((at, text)) if from_ns > to_ns => {
                Err((place(at, text), "ends before it begins".into()))
            }
            _ => Ok(Some((from_ns, to_ns))),
        }
    }

    /// The batches of a time, and those before it that say what was open.
    fn batches_of(&self, span: Option<(u64, u64)>) -> Result<PastBatches, String> {
        let frames = match span {
            Some((from_ns, _)) if self.is_read(from_ns) => None,
            Some((from_ns, to_ns)) => {
                let mut frames = self.past.black_box.frames_to(from_ns, 0);
                frames.extend(self.past.black_box.frames_between(from_ns, u64::MAX));
                let is_early = |frame: &Arc<Frame>| frame.from_ns <= to_ns;
                Some(frames.into_iter().take_while(is_early).collect::<Vec<_>>())
            }
            None => Some(self.past.black_box.frames().cloned().collect()),
        };
        match (frames, span) {
            (None, Some((from_ns, to_ns))) => {
                let seekable = self.past.seekable.as_ref();
                let passage = seekable.map(|seekable| seekable.before(from_ns));
                let passage = passage.transpose().map_err(|e| e.to_string())?.flatten();
                let mut passage = passage.ok_or("there is no recording of that time")?;
                Ok(Box::new(move || {
                    passage.next(to_ns).map_err(std::io::Error::other)
                }))
            }
            (frames, _) => {
                let player = Player::new(frames.unwrap_or_default());
                let mut player = player.map_err(|e| e.to_string())?;
                Ok(Box::new(move || player.next()))
            }
        }
    }

    /// Begins to save the past, or a time of it, and counts the closed sessions. Without a format of a report, it becomes a recording.
    pub(super) fn saver(
        &self,
        report: Option<Format>,
        span: Option<(u64, u64)>,
        saved: Arc<AtomicUsize>,
    ) -> Result<Saver, String> {
        let mut part = span.map(|(from_ns, to_ns)| Span::new(from_ns, to_ns));
        let mut all =
            self.batches_of(part.as_ref().map(|part| (part.first_ns(), part.last_ns())))?;
        let batches: PastBatches = Box::new(move || {
            let (batch, has_more) = all()?;
            let batch = match &mut part {
                Some(part) => batch.and_then(|batch| part.take(batch)),
                None => batch,
            };
            let closed = batch.as_ref().map_or(0, |batch| batch.closed.len());
            saved.fetch_add(closed, Ordering::Relaxed);
            Ok((batch, has_more))
        });
        let mut header = self.past.origin.clone();
        if let Some((from_ns, to_ns)) = span {
            let [from, to] = [from_ns, to_ns].map(|ns| self.time_at(ns));
            let before = if header.cut.is_empty() { "" } else { "; " };
            header.cut += &format!("{before}from {from}, to {to}");
        }
        let Some(format) = report else {
            let recorder = PastRecorder::new(batches, header);
            return Ok(Saver::Recording(Box::new(recorder)));
        };
        let own = SelfTraffic::new(&self.session_env);
        let filter = self.view_filter.filter.clone();
        let report = PastReport {
            batches,
            format,
            origin: Origin {
                header,
                replayed: match self.is_replay {
                    true => self.host.clone(),
                    false => String::new(),
                },
                filter: filter.source().to_owned(),
                zone: self.names.times.zone.clone(),
                remarks: Vec::new(),
                starts_in_between: true,
            },
            limits: Limits {
                filter,
                count: None,
                captures_more: false,
                in_force: self.in_force,
            },
            watched: (self.findings.restarted(), self.session_env.port_use()),
            is_self: Box::new(move |session| own.is(session)),
        };
        Ok(Saver::Report(Some(Box::new(report))))
    }
}
