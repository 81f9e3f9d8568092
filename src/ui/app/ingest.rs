//! Ingesting batches: from the collector to the store, and from there to everything that counts sessions.

use crate::model::batch::Batch;
use crate::model::session::Session;
use crate::ui::action::Mode;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;

impl App {
    /// Takes a batch. True if the display changes: only with a snapshot, so that lines do not re-sort while they are
    /// read, and that all that a frame shows is of one moment.
    pub fn batch(&mut self, mut batch: Batch) -> bool {
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
        let changed = is_snapshot | self.notice.pass(batch.taken_ns);
        self.waiting.add(batch);
        if self.paused {
            let (store, mut observers) = self.observed();
            let keep = store.keep_limit();
            for session in observers.waiting.drain_over(keep) {
                store.pass(session, |event| observers.pass(&event));
            }
            return changed;
        }
        if is_snapshot || self.waiting.is_full() {
            self.go_on();
            return true;
        }
        changed
    }

    /// Makes the display stay as it is from now on.
    pub fn freeze(&mut self) {
        self.paused = true;
    }

    /// Ends a pause.
    pub fn thaw(&mut self) {
        if self.paused {
            self.paused = false;
            self.go_on();
        }
    }

    /// Moves everything that is shown on to the present moment: ingests what waits.
    fn go_on(&mut self) {
        if std::mem::take(&mut self.is_recaptured) {
            self.follow_captured();
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(host) = waiting.take_host() {
            self.host_state.take(host);
        }
        let mut moment = (self.now_ns, self.clock);
        let (store, mut observers) = self.observed();
        let is_restarted = store.drop_passed(|event| observers.take(&event));
        for batch in waiting.into_batches() {
            moment = (batch.taken_ns, batch.clock);
            let is_snapshot = batch.open.is_some();
            store.ingest(batch, |event| observers.take(&event));
            if is_snapshot {
                observers.end_snapshot(store, moment.0);
            }
        }
        observers.settle(store, moment.0);
        (self.now_ns, self.clock) = moment;
        if is_restarted {
            self.choose();
        } else {
            self.refresh();
            self.refresh_screen();
        }
    }

    /// Applies a changed capture filter, to what is shown only if that is not paused.
    pub(super) fn recapture(&mut self) {
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

    /// True while some closed sessions have not been filtered yet; [`App::work`] does that.
    pub fn is_working(&self) -> bool {
        self.rows.is_incomplete(&self.store)
            || self.panes.is_working(&self.store)
            || self.is_screen_working()
            || self
                .layers
                .detail()
                .is_some_and(|d| d.is_searching(&self.store))
    }

    /// Filters the next closed sessions after the filter or the order has changed.
    pub fn work(&mut self) {
        self.no_match.take();
        self.rows.work(&self.store, &self.view_filter);
        self.panes.work(&self.store, &self.view_filter);
        if let Some(detail) = self.layers.detail_mut() {
            detail.search(&self.store);
        }
        if self.is_screen_working() {
            self.work_on_screen();
        }
        self.follow_restarted();
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
        self.rows.refresh(&self.store, &self.view_filter);
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
