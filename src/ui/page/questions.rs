//! Questions, and the keys that answer them: a page of the help, and docs/troubleshooting.md.

use crate::model::findings::{FindingRule, Proof};
use crate::ui::action::{Action, Mode};
use crate::ui::keys::{Bound, Keymap};

/// One row of [`QUESTIONS`].
#[derive(Debug)]
pub struct Question {
    pub text: &'static str,
    /// Steps to the answer.
    pub steps: &'static [Step],
    /// Further steps, for the details.
    pub further: &'static [Step],
    /// A remark below the steps; empty: none.
    pub remark: &'static str,
}

/// Keys to press, and what they show.
#[derive(Debug)]
pub struct Step {
    /// Names of default keys, separated by spaces.
    pub press: &'static str,
    /// Text to type after that.
    pub typed: &'static str,
    /// Text on the screen afterwards.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tests and documents read it")
    )]
    pub shows: &'static str,
    /// Explanation of what is on the screen.
    pub meaning: &'static str,
}

impl Step {
    /// The default keys.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tests and documents read them")
    )]
    pub fn keys(&self) -> String {
        format!("{}{}", self.press, self.typed)
    }

    /// Number of keys to press.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tests count them")
    )]
    pub fn count(&self) -> usize {
        self.press.split_whitespace().count() + self.typed.chars().count()
    }
}

/// A question with the keys of this run.
#[derive(Debug)]
pub struct Asked {
    /// All keys to the answer: `f /10.0.0.5`.
    pub keys: String,
    /// The keys of each step, and their meaning.
    pub steps: Vec<(String, String)>,
    pub remark: String,
}

impl Question {
    /// All steps, the further ones last.
    pub fn all_steps(&self) -> impl Iterator<Item = &'static Step> {
        self.steps.iter().chain(self.further)
    }

    /// The question with the keys that are bound in this run.
    pub fn asked(&self, keymap: &Keymap) -> Asked {
        let mut walk = Walk {
            keymap,
            modes: vec![Mode::Table],
        };
        let mut remark = self.remark.to_owned();
        let mut steps = Vec::new();
        for step in self.all_steps() {
            let keys: Vec<String> = step.press.split(' ').map(|key| walk.press(key)).collect();
            let keys = format!("{}{}", keys.join(" "), step.typed);
            steps.push((keys, walk.with_keys(step.meaning)));
            if steps.len() == 1 {
                remark = walk.with_keys(&remark);
            }
        }
        let to_answer = steps.iter().take(self.steps.len());
        let keys: Vec<&str> = to_answer.map(|(keys, _)| keys.as_str()).collect();
        Asked {
            keys: keys.join(" "),
            remark,
            steps,
        }
    }
}

/// The keys of this run that lead from the line of a finding to its proof, and the meaning of what each shows.
pub fn keys_to_proof(rule: &FindingRule, keymap: &Keymap) -> Vec<(String, String)> {
    let mut walk = Walk {
        keymap,
        modes: vec![Mode::Table, Mode::Findings],
    };
    let mut keys = vec![(walk.press("Enter"), rule.proof.meaning())];
    walk.modes.extend(match rule.proof {
        Proof::Sessions { .. } => None,
        Proof::Listeners => Some(Mode::Listeners),
        Proof::Drops => Some(Mode::Drops),
        Proof::Ports => Some(Mode::Ports),
        Proof::Help => Some(Mode::Help),
    });
    for step in rule.further {
        keys.push((walk.press(step.press), walk.with_keys(step.meaning)));
    }
    keys
}

/// The way that default keys lead through the screens, which decide what the keys mean.
struct Walk<'a> {
    keymap: &'a Keymap,
    /// The present mode, after those below it.
    modes: Vec<Mode>,
}

impl Walk<'_> {
    fn mode(&self) -> Mode {
        self.modes.last().copied().unwrap_or(Mode::Table)
    }

    /// The row that has this key by default.
    fn row(&self, default: &str) -> Option<&Bound> {
        let mode = self.mode();
        let mut rows = self.keymap.all().iter().filter(|r| r.key.is_in(mode));
        rows.find(|r| r.key.presses.iter().any(|p| p.name() == default))
    }

    /// The key of this run instead of a default one, which stays if it is bound.
    fn bound(&self, default: &str) -> Option<String> {
        let names: Vec<String> = self
            .row(default)?
            .presses
            .iter()
            .map(|p| p.name())
            .collect();
        match names.iter().any(|name| name == default) {
            true => None,
            false => names.into_iter().next(),
        }
    }

    /// Presses a default key. Returns that of this run.
    fn press(&mut self, default: &str) -> String {
        let key = self.bound(default).unwrap_or_else(|| default.to_owned());
        let mode = self.mode();
        match (self.row(default).map(|r| r.key.action), mode) {
            (Some(Action::NextPane | Action::PreviousPane), Mode::Table) => {
                self.modes.push(Mode::TopTalkers);
            }
            (Some(Action::Screen(to)), _) => self.modes.push(to),
            (Some(Action::Open), _) => self.modes.push(Mode::Detail),
            (Some(Action::Prompt(_)), _) => self.modes.push(Mode::Prompt),
            (Some(Action::GoToTime), _) => self.modes.push(Mode::PastPrompt),
            (Some(Action::Accept), Mode::PastPrompt) => {
                self.modes.pop();
            }
            // a pane stays where it is
            (Some(Action::Narrow), mode) if mode != Mode::TopTalkers => {
                self.modes.pop();
            }
            (Some(Action::Back), _) => {
                self.modes.pop();
            }
            _ => {}
        }
        key
    }

    /// The text with the keys of this run: default keys stand in backquotes.
    fn with_keys(&self, text: &str) -> String {
        let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
            1 => self.bound(part).unwrap_or_else(|| part.to_owned()),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("`")
    }
}

const fn press(press: &'static str, shows: &'static str, meaning: &'static str) -> Step {
    typed(press, "", shows, meaning)
}

const fn typed(
    press: &'static str,
    typed: &'static str,
    shows: &'static str,
    meaning: &'static str,
) -> Step {
    Step {
        press,
        typed,
        shows,
        meaning,
    }
}

/// Every question, in the order of the help.
#[rustfmt::skip]
pub static QUESTIONS: &[Question] = &[
    Question {
        text: "What is wrong on this host?",
        steps: &[
            press("!", "FINDING", "findings, faults first: the numbers and what to do next are below the list"),
            press("Enter", "filter: ", "the sessions that prove the selected one, or the screen that does"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Who uses the network now?",
        steps: &[
            press("Tab", "PROCESS", "processes, with the most bytes per second on top"),
            press("Tab", "PEER", "peers; `a` groups them by subnet"),
            press("Tab", "PORT", "ports; `Enter` narrows everything to one, `Backspace` goes back"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which is the largest transfer, and what limits it?",
        steps: &[
            press("B", "sort: bytes", "sessions, with the most bytes in both directions on top, open or closed; `o` leaves only open ones"),
            press("Enter", "limited by", "the first one, with what limits it"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which sessions have lasted longest?",
        steps: &[
            press("A", "sort: age", "sessions, the oldest on top; `≥`: it was open before tcplife started, and its age is a lower bound"),
            press("o", " open", "only those that are still open"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Why is this transfer slow?",
        steps: &[
            press("Enter", "BOTTLENECK", "the network, the peer's window, our send buffer, or an application that had nothing to send"),
            press("Tab", "BOTTLENECK", "the same for the other end, if it is on this host"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which session failed last?",
        steps: &[
            press("f", "REASON", "failures by reason, destination and program; LAST is the time since the last one of a kind"),
            press("E", "failed last is on top", "the kind that failed last on top"),
            press("Enter", "ENDED▼", "its sessions, the last one on top, with the time of day at which it failed"),
        ],
        further: &[],
        remark: "`E` alone sorts all sessions by the time at which they closed. A filter does it by time, too: `failed and ended < 5m`.",
    },
    Question {
        text: "What is refused or times out, such as a database?",
        steps: &[
            press("f", "ECONNREFUSED", "failures: `refused` (nothing listens there), `no answer` (the attempt timed out) or `gave up` (our application did before that), destination and program, with what fails most now on top"),
            press("Enter", "filter: ", "the sessions of the selected line, with their process ids"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Does this host's own firewall drop it?",
        steps: &[
            press("D", "firewall (netfilter)", "packets that this host's kernel has dropped, with the reason, direction and ends: `out` by an OUTPUT rule, `in` by an INPUT rule"),
            press("Enter", "filter: ", "the sessions of the selected line"),
            press("Enter", "netfilter", "one of them, which says what was dropped"),
        ],
        further: &[],
        remark: "Failures have it in the column DROPPED. `drops = false` in the configuration switches it off, and kernels before Linux 5.17 give no reasons.",
    },
    Question {
        text: "The database is slow: the network, it, or us?",
        steps: &[
            press("Tab Tab Tab", "PORT", "ports, with the most bytes per second on top; `↓` goes to the database's"),
            press("Enter", "filter: service", "only its sessions"),
            press("d", "RESPONSE", "RTT is the network's. RESPONSE without one RTT is the database's: the time until it answers. OUR RESPONSE is ours: the time until our application asks again"),
        ],
        further: &[
            press("Esc Esc Enter", "answers", "one of its sessions: how long each end takes, and which one the other waits for now"),
        ],
        remark: "At the database's own host, the two are exchanged: OUR RESPONSE is the database's, RESPONSE the client's.",
    },
    Question {
        text: "Is it slow for all, or for a few?",
        steps: &[
            press("d", "DURATION", "durations, round trips, connect latencies, bytes and response times, with p50, p90 and p99"),
            press("Tab", "▸RTT", "the next chart"),
            press("Enter", "filter: rtt", "the sessions of its selected bar"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Are the local ports nearly exhausted?",
        steps: &[
            press("P", "T-WAIT", "destinations with their sources, the one with the least ports left on top: `USED` by open sessions, `T-WAIT` in TIME_WAIT, because we closed first, and connects that found no free port (`FAIL/s`)"),
            press("Enter", "filter: direction out", "the sessions of the selected line, with the programs that open them"),
        ],
        further: &[],
        remark: "With many ports in TIME_WAIT, keep connections open and use them again, or let the peer close them.",
    },
    Question {
        text: "Which process opens connections that get reset?",
        steps: &[
            press("f", "peer reset", "failures: the line `peer reset` names the destination and the program"),
            press("Enter", "filter: ", "the sessions of the selected line, with their process ids"),
        ],
        further: &[],
        remark: "On a busy host, type `/reset` or `/10.0.0.5` before `Enter`: only resets, or only failures that involve that address, are left.",
    },
    Question {
        text: "Who talks to this subnet?",
        steps: &[
            press("Tab Tab a", "SUBNET", "subnets, with the most bytes per second on top; `↓` goes to yours"),
            press("Enter", "filter: raddr", "its sessions, with the programs that have them"),
        ],
        further: &[press("Shift-Tab", "PROCESS", "the processes that talk to it, with their sums")],
        remark: "",
    },
    Question {
        text: "Which traffic is that of a container?",
        steps: &[
            press("Shift-Tab", "UNIT", "containers and systemd units, with the most bytes per second on top; `↓` goes to yours"),
            press("Enter", "filter: container", "its sessions"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "What happened a while ago, at 03:12?",
        steps: &[
            typed("@", "-5s", "go to time", "a time: `03:12`, `yesterday 03:12`, or so long ago"),
            press("Enter", "PAST", "everything as it was then: the first line says which moment that is, the second one how many sessions closed when, and where sessions failed"),
        ],
        further: &[
            press("]", "PAST", "a step forward in time, `[` back, `{` and `}` by a minute: what opens, changes and fails"),
            press("Esc", "STATUS", "now again"),
        ],
        remark: "The last ten minutes are kept, or less on a busy host: `past 9m` in the header says how far. `W` saves them as a recording. For longer, run with `--record`. `--freeze-on 'reason refused'` keeps the minutes around a fault until the morning.",
    },
    Question {
        text: "What has changed since the deploy?",
        steps: &[
            press("m", "baseline set", "before the deploy: the moment to compare with"),
            press("m", "since", "after it: who fails or is slower, and with whom, and what is gone or new"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which program leaks sessions in close-wait?",
        steps: &[
            typed("/", "wait", "filter: wait", "any text in the status"),
            press("Enter", "close-wait", "`close-wait`: the peer has closed the session, and the owner has not (`fin-wait`: the other way round)"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which server does not accept its connections?",
        steps: &[
            press("L", "QUEUE", "listening sockets, with the most connections that wait to be accepted on top: how many of how many, and the age of the oldest"),
            press("Enter", "filter: lport", "the sessions of the selected one; those with the owner `listen` wait"),
        ],
        further: &[],
        remark: "A queue that is full (`129/128`) makes the kernel drop SYNs, so that clients wait seconds to connect. HALF near the limit with an empty queue is a SYN flood, or clients that cannot be reached.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::findings::FINDINGS;
    use crate::ui::keys::KeyPress;

    #[test]
    fn questions_show_the_keys_of_this_run() {
        let default = Keymap::default();
        for question in QUESTIONS {
            let asked = question.asked(&default);
            let steps = question.all_steps();
            let is_same = |(step, (keys, meaning)): (&Step, &(String, String))| {
                *keys == step.keys() && meaning == step.meaning
            };
            assert!(steps.zip(&asked.steps).all(is_same), "{asked:?}");
            assert_eq!(asked.remark, question.remark);
        }
        let mut bound = Keymap::default();
        for (name, key) in [
            ("group", "z"),
            ("next-pane", "w"),
            ("failures", "F12"),
            ("narrow", "g"),
        ] {
            bound.bind(name, &[KeyPress::parse(key).expect(key)]);
        }
        let asked = |start: &str| {
            let question = QUESTIONS.iter().find(|q| q.text.starts_with(start));
            question.expect("a question").asked(&bound)
        };
        let refusing = FINDINGS.iter().find(|f| f.name == "refusing");
        let keys = keys_to_proof(refusing.expect("a finding"), &bound);
        assert_eq!([&*keys[0].0, &*keys[1].0], ["g", "Enter"]);
        assert_eq!(asked("Who talks to this subnet").keys, "w w z g");
        assert_eq!(asked("Which process opens").keys, "F12 g");
        assert!(asked("Which process opens").remark.contains("before `g`"));
        let uses = asked("Who uses");
        assert!(uses.steps[1].1.contains("`z` groups"), "{uses:?}");
        assert_eq!(
            asked("Why is this transfer").keys,
            "Enter Tab",
            "other rows stay"
        );
    }
}
