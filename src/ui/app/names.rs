//! Names of addresses and ports: toggling them, and addresses on the screen that still need one.

use std::net::IpAddr;

use crate::host::resolver::Answer;
use crate::host::services::{NoServices, Services};
use crate::model::aggregate::GroupKey;
use crate::model::fields::{FieldKind, Value};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::selection::VisibleLine;
use crate::ui::layout;
use crate::ui::layout::list_area;
use crate::ui::layout::panes::Subject;
use crate::ui::state::screens::Screen;

impl App {
    /// Shows addresses by name or as numbers.
    pub fn toggle_names(&mut self) {
        self.names.addresses = !self.names.addresses;
    }

    /// Shows ports by name or as numbers.
    pub fn toggle_port_names(&mut self) -> Option<Effect> {
        self.names.ports = !self.names.ports;
        let unknown = self.names.ports && self.names.services.is_none();
        unknown.then_some(Effect::Services)
    }

    /// Takes service names. Without any, ports stay numeric, and the next press of the key tries again.
    pub fn services(&mut self, services: Result<Services, NoServices>) {
        match services {
            Ok(services) => self.names.services = Some(services),
            Err(why) => {
                self.names.ports = false;
                self.notice
                    .complain(format!("{why}: ports are shown as numbers"));
            }
        }
    }

    /// Takes the name of an address.
    pub fn named(&mut self, answer: Answer) {
        self.names.learn(answer, self.now_ns);
    }

    /// Addresses on the screen to look up, each once, from top to bottom.
    pub fn unnamed(&self) -> Vec<IpAddr> {
        let mut wanted = Vec::new();
        if !self.names.addresses || self.layers.help().is_some() {
            return wanted;
        }
        let mut want = |addr: IpAddr| {
            let has_zone = matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local());
            if !has_zone && self.names.is_wanted(addr, self.now_ns) && !wanted.contains(&addr) {
                wanted.push(addr);
            }
        };
        if let Some(detail) = self.layers.detail() {
            want(detail.session.raddr);
            want(detail.session.laddr);
            return wanted;
        }
        if let Some(Screen::Failures(shown)) = self.layers.screen() {
            let rows = shown.rows().take(self.layout().main.height.into());
            rows.filter_map(|r| Some(r.failure?.addr?.addr))
                .for_each(want);
            return wanted;
        }
        let layout = self.layout();
        let shown = layout::table::window(self.columns.view(), layout.table.width).shown;
        let addresses = || shown.iter().filter(|c| c.field.kind == FieldKind::Addr);
        for VisibleLine { session, .. } in self.visible(layout.rows()) {
            for column in addresses() {
                if let Value::Addr(addr) = (column.field.get)(session) {
                    want(addr);
                }
            }
        }
        if !layout.strip.is_empty() {
            for (key, _) in self.panes().busiest(Subject::Peers).1 {
                if let GroupKey::Peer(peer) = key {
                    want(peer.addr);
                }
            }
        }
        let pane = layout.talkers[Subject::Peers as usize];
        let rows = self
            .panes()
            .pane(Subject::Peers)
            .rows(self.panes().talkers());
        for row in rows.take(list_area::PANE.count(pane)) {
            if let Some(GroupKey::Peer(peer)) = row.key {
                want(peer.addr);
            }
        }
        wanted
    }
}
