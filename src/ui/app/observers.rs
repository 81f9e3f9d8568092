//! Observers of store events: one struct, so that a new observer is added only here.

use crate::model::baseline::Baseline;
use crate::model::findings::{Beside, Findings};
use crate::model::host_state::HostState;
use crate::model::port_use::PortUse;
use crate::model::session::SessionId;
use crate::model::store::{Change, SessionRef, Store, StoreEvent};
use crate::ui::app::{App, Selection};
use crate::ui::state::columns::Columns;
use crate::ui::state::detail::Detail;
use crate::ui::state::failures::HostFailures;
use crate::ui::state::freeze::Waiting;
use crate::ui::state::host_history::HostHistories;
use crate::ui::state::known_totals::KnownTotals;
use crate::ui::state::layers::Layers;
use crate::ui::state::rows::Rows;
use crate::ui::state::screens::Screen;
use crate::ui::state::top_talkers::Panes;
use crate::ui::state::view_filter::{Selected, ViewFilter};

/// Everything that counts or follows sessions by store events.
pub(super) struct Observers<'a> {
    view_filter: &'a mut ViewFilter,
    columns: &'a mut Columns,
    pub(super) rows: &'a mut Rows,
    panes: &'a mut Panes,
    host_histories: &'a mut HostHistories,
    known_totals: &'a mut KnownTotals,
    failed: &'a mut HostFailures,
    ports: &'a mut PortUse,
    baseline: Option<&'a mut Baseline>,
    findings: &'a mut Findings,
    host_state: &'a HostState,
    layers: &'a mut Layers,
    left_details: &'a mut [Detail],
    selection: &'a mut Selection,
    hidden: &'a mut Selected,
    pub(super) waiting: &'a mut Waiting,
}

impl Observers<'_> {
    /// Passes an event to each observer.
    pub(super) fn take(&mut self, event: &StoreEvent<'_>) {
        self.view_filter.self_traffic.take(event);
        self.columns.take(event);
        self.rows.take(event);
        self.failed.take(event);
        if let Some(screen) = self.layers.screen_mut() {
            screen.take(event, self.view_filter);
        }
        if let StoreEvent::Closed(Change {
            at: Some(at),
            now: Some(session),
            ..
        }) = event
        {
            self.keep_selected(session.id(), *at);
        }
        let Some(change) = event.change() else { return };
        self.ports.take(change);
        let without_own = self.view_filter.self_traffic.exclude_from(change);
        self.panes
            .take(change, without_own.as_ref(), self.view_filter);
        if let Some(change) = without_own {
            self.host_histories.take(event, &change);
            if let Some(baseline) = &mut self.baseline {
                baseline.take(&change);
            }
            self.findings.take(&change);
        }
        if let Some(detail) = self.layers.detail_mut() {
            detail.take(change);
        }
        for detail in self.left_details.iter_mut() {
            detail.take_own(change);
        }
    }

    /// Keeps a selected session that has closed: its reference is another one from then on.
    fn keep_selected(&mut self, id: SessionId, at: SessionRef) {
        if let Selection::Session(selected, place) = self.selection
            && *selected == id
        {
            *place = at;
        }
        if let Some((hidden, place)) = self.hidden
            && *hidden == id
        {
            *place = at;
        }
    }

    /// Passes an event that is not shown yet to those who would not hear of it again.
    pub(super) fn pass(&mut self, event: &StoreEvent<'_>) {
        self.view_filter.self_traffic.take(event);
        self.columns.take(event);
        let Some(change) = event.change() else { return };
        self.failed.pass(change);
        self.ports.take(change);
        if let Some(change) = self.view_filter.self_traffic.exclude_from(change) {
            self.panes.pass(&change);
            self.host_histories.take(event, &change);
            if let Some(baseline) = &mut self.baseline {
                baseline.pass(&change);
            }
            self.findings.take(&change);
        }
        for detail in self.details() {
            detail.pass(change);
        }
    }

    /// Ends a snapshot: rates are what has moved since the one before.
    pub(super) fn end_snapshot(&mut self, store: &Store, now_ns: u64) {
        for detail in self.details() {
            detail.take_snapshot(store);
        }
        self.panes.end_snapshot(now_ns);
        self.host_histories.settle(now_ns);
        self.known_totals.end_snapshot(store, now_ns);
        let missed = store.totals().missed.certain();
        let beside = Beside {
            host: Some(self.host_state),
            ports: Some(self.ports),
        };
        self.findings.end_snapshot(now_ns, missed, beside);
    }

    /// Settles after all events of a moment: observers count the open sessions again.
    pub(super) fn settle(&mut self, store: &Store, now_ns: u64) {
        self.rows.settle();
        self.panes.settle(store, self.view_filter);
        self.ports.settle(now_ns);
        let is_compared = matches!(self.layers.screen(), Some(Screen::Baseline(_)));
        if let Some(baseline) = &mut self.baseline {
            baseline.settle();
            baseline.take_snapshot(now_ns, is_compared);
        }
        if let Some(screen) = self.layers.screen_mut() {
            screen.recount_open(store, self.view_filter);
        }
        for detail in self.details() {
            detail.settle();
        }
    }

    /// The detail that is shown, and those that were left.
    fn details(&mut self) -> impl Iterator<Item = &mut Detail> {
        let shown = self.layers.detail_mut().map(|detail| &mut **detail);
        shown.into_iter().chain(self.left_details.iter_mut())
    }
}

impl App {
    /// Borrows the store and its observers separately.
    pub(super) fn observed(&mut self) -> (&mut Store, Observers<'_>) {
        let observers = Observers {
            view_filter: &mut self.view_filter,
            columns: &mut self.columns,
            rows: &mut self.rows,
            panes: &mut self.panes,
            host_histories: &mut self.host_histories,
            known_totals: &mut self.known_totals,
            failed: &mut self.failed,
            ports: &mut self.ports,
            baseline: self.baseline.as_deref_mut(),
            findings: &mut self.findings,
            host_state: &self.host_state,
            layers: &mut self.layers,
            left_details: &mut self.left_details,
            selection: &mut self.selection,
            hidden: &mut self.hidden,
            waiting: &mut self.waiting,
        };
        (&mut self.store, observers)
    }
}
