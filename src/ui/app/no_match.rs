//! Why the table is empty although sessions are known, and what would show some.
//!
//! Looks at a part of the sessions only: a key and a frame must not wait for all of them.

use crate::filter::{Filter, is_plain_word, readings};
use crate::model::session::Session;
use crate::ui::app::App;
use crate::ui::state::view_filter::Scope;

/// Maximum number of open and of closed sessions that are looked at.
const SAMPLE: usize = 2000;

/// Reasons that no session is shown.
#[derive(Debug)]
pub struct NoMatch {
    /// Number of sessions that are known.
    pub hidden: usize,
    /// True if the scope hides sessions that match otherwise.
    pub is_out_of_scope: bool,
    /// True if they are of the other IP version.
    pub is_of_other_family: bool,
    /// True if sessions match whose other ends, which would be on the same lines, are excluded.
    pub is_of_other_end: bool,
    /// Another filter that the text may have been meant as, which would show some.
    pub reading: Option<String>,
}

impl App {
    /// The reasons that no session is shown; `None` if none is known, except hidden self traffic. Found out once after a
    /// change of the lines.
    pub fn no_match(&self) -> Option<&NoMatch> {
        self.no_match.get_or_init(|| self.find_no_match()).as_ref()
    }

    fn find_no_match(&self) -> Option<NoMatch> {
        let view = &self.view_filter;
        let own = if view.self_traffic.shown {
            0
        } else {
            view.self_traffic.known()
        };
        let kept = self.store.closed_numbers();
        let known = self.store.open_count() + (kept.end - kept.start) as usize;
        // as many as the header counts, where a local connection is one line
        let all = self.store.host_figures(view.pairs);
        let lines = all.open as u64 + all.closed;
        let hidden = known.min(lines as usize).saturating_sub(own);
        if hidden == 0 {
            return None;
        }
        let any = |shows: &dyn Fn(&Session) -> bool| {
            let open = self.store.open().take(SAMPLE);
            let closed = self.store.closed().take(SAMPLE);
            open.chain(closed)
                .any(|(_, s)| !view.self_traffic.hides(s) && shows(s))
        };
        let matches = |s: &Session| view.filter.matches(s);
        let is_limited = view.scope != Scope::All || view.family.is_some();
        let by_scope = is_limited && any(&|s| matches(s) && view.is_of_family(s));
        let by_family = is_limited && any(&|s| matches(s) && view.is_in_scope(s));
        let by_both = is_limited && any(&|s| matches(s)) && !by_scope && !by_family;
        let is_of_other_end =
            view.pairs && any(&|s| matches(s) && view.is_in_scope(s) && view.is_of_family(s));
        let reading = || {
            let values = |field: &_| self.values(field, &Filter::default());
            let shows = |text: &String| {
                let filter = Filter::parse_with(text, self.uid_of);
                filter.is_ok_and(|f| {
                    any(&|s| f.matches(s) && view.is_in_scope(s) && view.is_of_family(s))
                })
            };
            let source = view.filter.source().trim();
            let mut all = readings(source, &values).into_iter();
            all.find(shows).or_else(|| apart(source, shows))
        };
        Some(NoMatch {
            hidden,
            is_out_of_scope: by_scope || by_both,
            is_of_other_family: by_family || by_both,
            is_of_other_end,
            reading: if by_scope || by_family || by_both || is_of_other_end {
                None
            } else {
                reading()
            },
        })
    }
}

/// Words of which each matches some sessions, but not all together: those of both programs of a connection, of which a session
/// has one.
fn apart(source: &str, shows: impl Fn(&String) -> bool) -> Option<String> {
    let words = source.split_whitespace().filter(|word| *word != "and");
    let words: Vec<String> = words.map(str::to_owned).collect();
    let are_all_found = words.len() > 1 && words.iter().all(|w| is_plain_word(w) && shows(w));
    are_all_found.then(|| words.join(" or "))
}
