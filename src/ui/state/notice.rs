//! What there is to say once: that something was done, or why it was not.
//!
//! Responsible for how long it stays: until the next key, or for some seconds. Not for where it is drawn
//! (`view::footer`).

/// How long it stays, ns.
const STAYS_NS: u64 = 8_000_000_000;

/// A line that goes by itself.
#[derive(Debug, Default)]
pub struct Notice {
    said: Option<Message>,
}

#[derive(Debug)]
struct Message {
    text: String,
    is_alarm: bool,
    /// When the first batch came that found it here.
    since_ns: Option<u64>,
}

impl Notice {
    /// Says it, in place of what was said before.
    pub fn say(&mut self, text: String) {
        self.put(text, false);
    }

    /// Says what went wrong.
    pub fn complain(&mut self, text: String) {
        self.put(text, true);
    }

    fn put(&mut self, text: String, is_alarm: bool) {
        self.said = Some(Message {
            text,
            is_alarm,
            since_ns: None,
        });
    }

    /// What is said, and whether it is about something that went wrong.
    pub fn get(&self) -> Option<(&str, bool)> {
        self.said.as_ref().map(|s| (s.text.as_str(), s.is_alarm))
    }

    /// A key was pressed: whoever pressed it has had the time to read.
    pub fn clear(&mut self) {
        self.said = None;
    }

    /// A batch came, at this instant. True if it has gone by that.
    pub fn pass(&mut self, now_ns: u64) -> bool {
        let Some(said) = &mut self.said else {
            return false;
        };
        let since = *said.since_ns.get_or_insert(now_ns);
        let over = now_ns.saturating_sub(since) >= STAYS_NS;
        if over {
            self.said = None;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_after_some_seconds_or_with_a_key() {
        let mut notice = Notice::default();
        assert!(!notice.pass(0));
        notice.say("done".into());
        // it may have been a while since the last batch
        assert!(!notice.pass(100_000_000_000));
        assert!(!notice.pass(107_900_000_000));
        assert_eq!(notice.get(), Some(("done", false)));
        assert!(notice.pass(108_000_000_000));
        assert_eq!(notice.get(), None);
        notice.complain("no".into());
        assert_eq!(notice.get(), Some(("no", true)));
        notice.clear();
        assert_eq!(notice.get(), None);
    }
}
