//! A message shown once: that something was done, or why not. It disappears at the next key or after some seconds.

use std::collections::VecDeque;

use crate::ui::action::Action;

/// Time until a message disappears, ns.
const STAYS_NS: u64 = 8_000_000_000;
/// The same for an answer to a key that did nothing.
const HINT_STAYS_NS: u64 = 2_000_000_000;
/// The same for the new state of what a key has switched.
const SWITCHED_STAYS_NS: u64 = 3_000_000_000;

#[derive(Debug, Default)]
pub struct Notice {
    said: Option<Message>,
    /// Messages that are shown once that one has disappeared.
    next: VecDeque<Message>,
}

#[derive(Debug)]
struct Message {
    text: String,
    is_alarm: bool,
    /// It asks whether to do this; the same key again does it.
    question: Option<Action>,
    stays_ns: u64,
    /// Time of the first batch since it is shown.
    since_ns: Option<u64>,
    /// It waited for another one to disappear.
    has_waited: bool,
}

impl Message {
    fn new(text: String, is_alarm: bool, stays_ns: u64) -> Self {
        Message {
            text,
            is_alarm,
            question: None,
            stays_ns,
            since_ns: None,
            has_waited: false,
        }
    }
}

impl Notice {
    /// Shows a message instead of the previous one.
    pub fn say(&mut self, text: String) {
        self.put(Message::new(text, false, STAYS_NS));
    }

    /// Says for a moment why a key did nothing.
    pub fn hint(&mut self, text: String) {
        self.put(Message::new(text, false, HINT_STAYS_NS));
    }

    /// Shows for a moment what a key has switched.
    pub fn switched(&mut self, text: String) {
        self.put(Message::new(text, false, SWITCHED_STAYS_NS));
    }

    /// Asks to press the key of an action again, until any key is pressed: a question that is forgotten meanwhile would be asked
    /// once more instead of answered.
    pub fn ask(&mut self, action: Action, text: String) {
        self.put(Message {
            question: Some(action),
            ..Message::new(text, false, u64::MAX)
        });
    }

    /// True while the question for this action is shown.
    pub fn asks(&self, action: Action) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|said| said.question == Some(action))
    }

    /// Shows an error.
    pub fn complain(&mut self, text: String) {
        self.put(Message::new(text, true, STAYS_NS));
    }

    /// Shows a message once the present ones have disappeared.
    pub fn say_next(&mut self, text: String) {
        self.put_next(Message::new(text, false, STAYS_NS));
    }

    /// Shows an error once the present messages have disappeared.
    pub fn complain_next(&mut self, text: String) {
        self.put_next(Message::new(text, true, STAYS_NS));
    }

    fn put_next(&mut self, message: Message) {
        if self.said.is_none() {
            self.said = Some(message);
        } else {
            let has_waited = true;
            self.next.push_back(Message {
                has_waited,
                ..message
            });
        }
    }

    fn put(&mut self, message: Message) {
        // the key that removed the message before it has this effect too: nobody has seen it yet
        let is_unseen = |said: &Message| said.has_waited && said.since_ns.is_none();
        if let Some(unseen) = self.said.take_if(|said| is_unseen(said)) {
            self.next.push_front(unseen);
        }
        self.said = Some(message);
    }

    /// The message, and true if it is an error.
    pub fn get(&self) -> Option<(&str, bool)> {
        self.said.as_ref().map(|s| (s.text.as_str(), s.is_alarm))
    }

    /// Removes the message after a key: its reader has had time to read it.
    pub fn clear(&mut self) {
        self.said = self.next.pop_front();
    }

    /// Takes the time of a batch. True if the message disappears with it.
    pub fn pass(&mut self, now_ns: u64) -> bool {
        let Some(said) = &mut self.said else {
            return false;
        };
        let since = *said.since_ns.get_or_insert(now_ns);
        let over = now_ns.saturating_sub(since) >= said.stays_ns;
        if over {
            self.clear();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notice_said_next_is_shown_after_the_present_one() {
        let mut notice = Notice::default();
        notice.say_next("one".into());
        notice.say_next("two".into());
        assert_eq!(notice.get(), Some(("one", false)));
        notice.clear();
        assert_eq!(notice.get(), Some(("two", false)));
        notice.clear();
        assert_eq!(notice.get(), None);
    }

    #[test]
    fn notice_disappears_after_some_seconds_or_on_clear() {
        let mut notice = Notice::default();
        assert!(!notice.pass(0));
        notice.say("done".into());
        // the last batch may have been a while ago
        assert!(!notice.pass(100_000_000_000));
        assert!(!notice.pass(107_900_000_000));
        assert_eq!(notice.get(), Some(("done", false)));
        assert!(notice.pass(108_000_000_000));
        assert_eq!(notice.get(), None);
        // a question waits for its answer
        notice.ask(Action::NewBaseline, "again?".into());
        assert!(!notice.pass(0) && !notice.pass(1_000_000_000_000));
        assert!(notice.asks(Action::NewBaseline) && !notice.asks(Action::ClearBaseline));
        notice.complain("no".into());
        assert_eq!(notice.get(), Some(("no", true)));
        notice.clear();
        assert_eq!(notice.get(), None);
    }

    #[test]
    fn notice_that_waits_is_shown_after_the_present_one() {
        let mut notice = Notice::default();
        notice.complain_next("at once".into());
        assert_eq!(notice.get(), Some(("at once", true)));
        notice.pass(0);
        notice.complain_next("next".into());
        assert_eq!(notice.get(), Some(("at once", true)));
        // a key, with a message of its own
        notice.clear();
        notice.say("done".into());
        assert_eq!(notice.get(), Some(("done", false)));
        notice.clear();
        assert_eq!(notice.get(), Some(("next", true)));
        assert!(!notice.pass(0));
        assert!(notice.pass(STAYS_NS));
        assert_eq!(notice.get(), None);
    }
}
