//! Taking in batches: from the collector to the store, and from there to everything that counts sessions.

use crate::model::baseline::Mark;
use crate::model::batch::Batch;
use crate::model::session::Session;
use crate::model::store::Change;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::state::detail::Detail;
use crate::ui::state::freeze::Waiting;
use crate::ui::state::top_talkers::Panes;
use crate::ui::state::view_filter::Choice;

impl App {
    /// Takes in a batch. True if the picture is another now: once for every look at the open sessions, so that
    /// nothing re-sorts under the reader's eyes in between.
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
        }
        self.columns.look(&batch);
        let looked = batch.open.is_some();
        let changed = looked | self.notice.pass(batch.taken_ns);
        if let Some(waiting) = &mut self.frozen {
            for session in waiting.take(batch, self.keep) {
                self.store.pass(session, |change| {
                    let (mark, detail) = (&mut self.mark, &mut self.detail);
                    tell(&change, &mut self.choice, &mut self.panes, mark, detail);
                });
            }
            return changed;
        }
        (self.now_ns, self.clock) = (batch.taken_ns, batch.clock);
        self.screen_lets_go(&batch);
        let finished = self.store.totals().finished;
        self.choice.own.count_finished(&batch.closed, finished);
        self.store.apply_and_tell(batch, |change| {
            let (mark, detail) = (&mut self.mark, &mut self.detail);
            tell(&change, &mut self.choice, &mut self.panes, mark, detail);
        });
        let first_kept = self.store.finished_numbers().start;
        self.choice.own.let_go(first_kept);
        self.rows.let_go(&self.store);
        if looked {
            if let Some(detail) = &mut self.detail {
                detail.look(&self.store);
            }
            self.panes.look(self.now_ns, &self.store, &self.choice);
            self.look_since_mark();
            self.refresh();
        }
        self.screen_takes(looked);
        changed
    }

    /// Batches wait from now on …
    pub fn freeze(&mut self) {
        self.frozen = Some(Waiting::default());
    }

    /// … and come in.
    pub fn thaw(&mut self) {
        if let Some(waiting) = self.frozen.take() {
            let others = self.store.let_go_of_passed();
            for batch in waiting.into_batches() {
                self.batch(batch);
            }
            if others {
                self.choose();
            }
            self.refresh();
        }
    }

    /// True while there are finished sessions that have not been tried yet: [`App::work`] does that.
    pub fn is_working(&self) -> bool {
        let searching = |d: &Detail| d.is_searching(&self.store);
        self.rows.is_incomplete(&self.store)
            || self.panes.is_working(&self.store)
            || self.is_screen_working()
            || self.detail.as_ref().is_some_and(searching)
    }

    /// Tries some more of the finished sessions after the filter or the order has changed.
    pub fn work(&mut self) {
        self.rows.work(&self.store, |s| self.choice.shows(s));
        self.panes.work(&self.store, &self.choice);
        if let Some(detail) = &mut self.detail {
            detail.search(&self.store);
        }
        if self.is_screen_working() {
            self.work_on_screen();
        }
        self.follow();
    }

    /// While the picture is frozen: how many sessions ended meanwhile.
    pub fn waiting(&self) -> Option<u64> {
        let frozen = self.frozen.as_ref().filter(|_| !self.export_holds());
        frozen.map(|w| w.count)
    }

    /// What is to be done outside because of what came in.
    pub fn due(&mut self) -> Option<Effect> {
        let pid = self.detail.as_mut()?.unknown_process()?;
        Some(Effect::LookUp(pid))
    }

    /// Takes what has changed in the store into the lines.
    pub fn refresh(&mut self) {
        self.rows.refresh(&self.store, |s| self.choice.shows(s));
        self.follow();
    }

    /// Chooses and sorts the lines anew.
    pub fn restart(&mut self) {
        let order = self.sort.order();
        self.rows
            .restart(order, &self.store, |s| self.choice.shows(s));
        self.follow();
    }
}

/// What changed of a session goes to all that count.
pub(super) fn tell(
    change: &Change<'_>,
    choice: &mut Choice,
    panes: &mut Panes,
    mark: &mut Option<Box<Mark>>,
    detail: &mut Option<Detail>,
) {
    choice.own.count_open(change);
    panes.take(change, choice);
    if let Some(mark) = mark
        && let Some(change) = choice.own.without(change)
    {
        mark.take(&change);
    }
    if let Some(detail) = detail {
        detail.take(change);
    }
}
