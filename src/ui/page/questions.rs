//! Questions, and the keys that answer them: a page of the help, and docs/troubleshooting.md.

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
    /// Names of keys, separated by spaces.
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
    /// The keys, as they are written in the help.
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

impl Question {
    /// All steps, the further ones last.
    pub fn all_steps(&self) -> impl Iterator<Item = &'static Step> {
        self.steps.iter().chain(self.further)
    }

    /// All keys to the answer, as they are written in the help: `f /10.0.0.5`.
    pub fn keys(&self) -> String {
        let steps = self.steps.iter().map(Step::keys);
        steps.collect::<Vec<_>>().join(" ")
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
            press("d", "DURATION", "durations, round trips, connect latencies and bytes, with p50, p90 and p99"),
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
        remark: "With many ports in TIME_WAIT, keep connections open and use them again. `ip_local_port_range` is the range.",
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
        text: "What has changed since the deploy?",
        steps: &[
            press("m", "baseline set", "before the deploy: the moment to compare with"),
            press("m", "since", "after it: new and gone peers, programs and ports, and what is slower, heavier or failing"),
        ],
        further: &[],
        remark: "",
    },
    Question {
        text: "Which program leaks sessions in close-wait?",
        steps: &[
            typed("/", "wait", "close-wait", "`close-wait`: the peer has closed the session, and the owner has not (`fin-wait`: the other way round)"),
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
