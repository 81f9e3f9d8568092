//! Ingesting batches: from the collector to the store, and from there to everything that counts sessions.

use std::collections::VecDeque;

use crate::model::batch::{Batch, Clock};
use crate::model::session::Session;
use crate::model::store::{Ingest, PART};
use crate::ui::action::Mode;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;

/// Batches that the display moves on to.
#[derive(Debug)]
pub(super) struct Arriving {
    batches: VecDeque<Batch>,
    /// The one that is being ingested, and true if it has a snapshot.
    current: Option<(Ingest, bool)>,
    /// Time of the last batch, ns, and its clock.
    moment: (u64, Clock),
    /// All lines are to be built again.
    is_restarted: bool,
    /// All are ingested, and everything that counts sessions has counted them.
    is_counted: bool,
}

impl App {
    /// Takes a batch. True if the display changes: only with a snapshot, so that lines do not re-sort while they are
    /// read, and that all that a frame shows is of one moment.
    pub fn batch(&mut self, batch: Batch) -> bool {
        let is_met = self.watch_batch(&batch);
        let is_changed = match self.is_past() {
            true => self.batch_behind(batch),
            false => self.take_batch(batch),
        };
        is_changed | is_met
    }

    /// Takes a batch into this state, whether that is the one of now or not.
    pub(super) fn take_batch(&mut self, mut batch: Batch) -> bool {
        if !self.capture_filter.is_everything() {
            let captured = |s: &Session| self.capture_filter.matches(s);
            batch.closed.retain(captured);
            if let Some(open) = &mut batch.open {
                open.keep_only(captured);
            }
        }
        if self.first_ns == 0 {
            self.first_ns = batch.taken_ns;
        }
        if let Some(open) = &batch.open {
            self.interval.stretched = open.stretched;
        }
        let is_snapshot = batch.open.is_some();
        let is_notice_over = self.notice.pass(batch.taken_ns);
        self.waiting.add(batch);
        if self.arriving.is_some() {
            return is_notice_over;
        }
        if self.paused {
            self.pass_over();
            return is_snapshot | is_notice_over;
        }
        if self.is_due() {
            self.go_on();
            return self.arriving.is_none() | is_notice_over;
        }
        is_notice_over
    }

    /// Counts the closed sessions that wait beyond those that are kept.
    fn pass_over(&mut self) {
        let (store, mut observers) = self.observed();
        let keep = store.keep_limit();
        for session in observers.waiting.drain_over(keep) {
            store.pass(session, |event| observers.pass(&event));
        }
    }

    /// Makes the display stay as it is from now on.
    pub fn freeze(&mut self) {
        self.paused = true;
    }

    /// Ends a pause.
    pub fn thaw(&mut self) {
        if self.paused {
            self.paused = false;
            self.await_arriving();
            self.go_on();
            self.await_arriving();
        }
    }

    /// Moves everything that is shown on to the present moment: ingests what waits. [`App::work`] goes on if that is much.
    fn go_on(&mut self) {
        if std::mem::take(&mut self.is_recaptured) {
            self.follow_captured();
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(host) = waiting.take_host() {
            self.host_state.take(host);
        }
        let (store, mut observers) = self.observed();
        let is_restarted = store.drop_passed(|event| observers.take(&event));
        self.arriving = Some(Arriving {
            batches: waiting.into_batches().collect(),
            current: None,
            moment: (self.now_ns, self.names.times.clock),
            is_restarted,
            is_counted: false,
        });
        self.arrive();
    }

    /// Ingests a part of the batches that arrive; after the last one, brings everything that is shown up to date.
    fn arrive(&mut self) {
        let Some(mut arriving) = self.arriving.take() else {
            return;
        };
        let mut room = PART;
        if !arriving.is_counted {
            let (store, mut observers) = self.observed();
            while room > 0 {
                let Some((mut ingest, is_snapshot)) = arriving.current.take().or_else(|| {
                    let batch = arriving.batches.pop_front()?;
                    arriving.moment = (batch.taken_ns, batch.clock);
                    let is_snapshot = batch.open.is_some();
                    Some((store.begin(batch), is_snapshot))
                }) else {
                    observers.settle(store, arriving.moment.0);
                    arriving.is_counted = true;
                    break;
                };
                let is_whole =
                    store.ingest_part(&mut ingest, &mut room, &mut |event| observers.take(&event));
                if !is_whole {
                    arriving.current = Some((ingest, is_snapshot));
                } else if is_snapshot {
                    observers.end_snapshot(store, arriving.moment.0);
                }
            }
            if !arriving.is_counted {
                self.arriving = Some(arriving);
                return;
            }
            (self.names.times.now_ns, self.names.times.clock) = arriving.moment;
            self.now_ns = self.names.times.now_ns;
            self.place_reference();
            if arriving.is_restarted {
                self.rows.forget(&mut self.store);
                return self.choose();
            }
            if !self.is_hidden() {
                self.rows.begin_refresh();
            }
        }
        if self.is_hidden() {
            self.rows.forget(&mut self.store);
            return;
        }
        let is_whole = self
            .rows
            .refresh_part(&mut self.store, &self.view_filter, &mut room);
        if !is_whole {
            self.arriving = Some(arriving);
            return;
        }
        self.no_match.take();
        self.follow();
        self.refresh_screen();
    }

    /// Waits until the batches that are arriving have arrived wholly.
    fn await_arriving(&mut self) {
        while self.arriving.is_some() {
            self.arrive();
        }
    }

    /// Applies a changed capture filter, to what is shown only if that is not paused.
    pub(super) fn recapture(&mut self) {
        self.await_arriving();
        let filter = self.capture_filter.clone();
        self.waiting.follow_only(|s| filter.matches(s));
        if self.paused {
            self.is_recaptured = true;
        } else {
            self.follow_captured();
            self.refresh();
            self.refresh_screen();
        }
    }

    /// Follows only the sessions that pass the capture filter: others would stay as they are until they close.
    fn follow_captured(&mut self) {
        let filter = self.capture_filter.clone();
        let now_ns = self.now_ns;
        let (store, mut observers) = self.observed();
        store.follow_only(|s| filter.matches(s), |event| observers.take(&event));
        observers.settle(store, now_ns);
    }

    /// True while something is left to ingest, to filter or to count; [`App::work`] does that.
    pub fn is_working(&self) -> bool {
        self.is_settling() || self.is_working_behind()
    }

    /// True while something is left of that for what is to be shown.
    pub fn is_settling(&self) -> bool {
        self.is_travelling()
            || self.arriving.is_some()
            || self.is_due()
            || self.rows.is_incomplete(&self.store)
            || self.panes.is_working(&self.store)
            || self.is_screen_working()
            || self
                .layers
                .detail()
                .is_some_and(|d| d.is_searching(&self.store))
    }

    /// Ingests the next sessions, or filters and counts the next ones after the filter or the order has changed.
    pub fn work(&mut self) {
        if self.arriving.is_some() {
            return self.arrive();
        }
        if self.is_due() {
            return self.go_on();
        }
        if self.work_on_past() {
            return;
        }
        self.no_match.take();
        if self.rows.is_incomplete(&self.store) {
            self.rows.work(&self.store, &self.view_filter);
            return self.follow_restarted();
        }
        if !self.is_settling() {
            return self.work_behind();
        }
        self.panes.work(&self.store, &self.view_filter);
        if let Some(detail) = self.layers.detail_mut() {
            detail.search(&self.store);
        }
        if self.is_screen_working() {
            self.work_on_screen();
        }
    }

    /// True while batches arrive part by part: what is shown belongs to no single moment.
    pub fn is_arriving(&self) -> bool {
        self.arriving.is_some()
    }

    /// True if the display is to move on to what waits.
    fn is_due(&self) -> bool {
        !self.paused && (self.waiting.has_snapshot() || self.waiting.is_full())
    }

    /// Number of closed sessions that are not shown yet, while the display is paused.
    pub fn waiting(&self) -> Option<u64> {
        let is_paused = self.paused && !self.export_holds();
        is_paused.then_some(self.waiting.count)
    }

    /// The effect that an ingested batch requires.
    pub fn due(&mut self) -> Option<Effect> {
        let is_new = self.ports.settled_s() != self.time_wait_s;
        if is_new
            && self
                .layers
                .screen()
                .is_some_and(|s| s.mode() == Mode::Ports)
        {
            self.time_wait_s = self.ports.settled_s();
            return Some(Effect::TimeWait);
        }
        let detail = self.layers.detail_mut()?;
        let pid = detail.unknown_process()?;
        Some(Effect::LookUp(pid, detail.session.cookie))
    }

    /// Takes the number of sockets in TIME_WAIT.
    pub fn time_wait(&mut self, sockets: Option<u64>) {
        self.ports.kernel_waiting = sockets;
        self.refresh_screen();
    }

    /// Updates the lines after a change of the store.
    pub fn refresh(&mut self) {
        self.no_match.take();
        self.rows.refresh(&mut self.store, &self.view_filter);
        self.follow();
    }

    /// Filters and sorts all lines again.
    pub fn restart(&mut self) {
        self.no_match.take();
        let order = self.sort.order();
        self.rows.restart(order, &self.store, &self.view_filter);
        self.follow_restarted();
    }
}
