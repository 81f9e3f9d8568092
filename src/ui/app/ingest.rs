//! Ingesting batches: from the collector to the store, and from there to everything that counts sessions.

use crate::model::batch::Batch;
use crate::model::session::Session;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::freeze::Waiting;

impl App {
    /// Ingests a batch. True if the display changes: only once per snapshot, so that lines do not re-sort while they
    /// are read.
    pub fn batch(&mut self, mut batch: Batch) -> bool {
        if !self.capture_filter.is_everything() {
            let captured = |s: &Session| self.capture_filter.matches(s);
            batch.closed.retain(captured);
            if let Some(open) = &mut batch.open {
                open.changed.retain(captured);
            }
        }
        if self.first_ns == 0 {
            self.first_ns = batch.taken_ns;
            self.started = batch.clock.wall(batch.taken_ns);
        }
        let is_snapshot = batch.open.is_some();
        let changed = is_snapshot | self.notice.pass(batch.taken_ns);
        if let Some(mut waiting) = self.frozen.take() {
            let (store, mut observers) = self.observed();
            for session in waiting.take(batch, store.keep_limit()) {
                store.pass(session, |event| observers.take(&event));
            }
            self.frozen = Some(waiting);
            return changed;
        }
        let now_ns = batch.taken_ns;
        (self.now_ns, self.clock) = (now_ns, batch.clock);
        let (store, mut observers) = self.observed();
        store.ingest(batch, |event| observers.take(&event));
        observers.rows.settle();
        if is_snapshot {
            observers.take_snapshot(store, now_ns);
            self.refresh();
            self.refresh_screen();
        }
        changed
    }

    /// Makes batches wait from now on.
    pub fn freeze(&mut self) {
        self.frozen = Some(Waiting::default());
    }

    /// Ingests the waiting batches.
    pub fn thaw(&mut self) {
        if let Some(waiting) = self.frozen.take() {
            let (store, mut observers) = self.observed();
            let others = store.drop_passed(|event| observers.take(&event));
            observers.rows.settle();
            for batch in waiting.into_batches() {
                self.batch(batch);
            }
            if others {
                self.choose();
            }
            self.refresh();
        }
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
        self.rows.work(&self.store, |s| self.view_filter.shows(s));
        self.panes.work(&self.store, &self.view_filter);
        if let Some(detail) = self.layers.detail_mut() {
            detail.search(&self.store);
        }
        if self.is_screen_working() {
            self.work_on_screen();
        }
        self.follow();
    }

    /// Number of sessions closed since the display was paused.
    pub fn waiting(&self) -> Option<u64> {
        let frozen = self.frozen.as_ref().filter(|_| !self.export_holds());
        frozen.map(|w| w.count)
    }

    /// The effect that an ingested batch requires.
    pub fn due(&mut self) -> Option<Effect> {
        let detail = self.layers.detail_mut()?;
        let pid = detail.unknown_process()?;
        Some(Effect::LookUp(pid, detail.session.cookie))
    }

    /// Updates the lines after a change of the store.
    pub fn refresh(&mut self) {
        self.rows
            .refresh(&self.store, |s| self.view_filter.shows(s));
        self.follow();
    }

    /// Filters and sorts all lines again.
    pub fn restart(&mut self) {
        let order = self.sort.order();
        self.rows
            .restart(order, &self.store, |s| self.view_filter.shows(s));
        self.follow();
    }
}
