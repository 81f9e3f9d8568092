//! The man page, from the tables that the program itself uses.

use clap::{Arg, CommandFactory as _};
use roff::{Inline, Roff, bold, italic, roman};

use crate::cli::Cli;
use crate::filter::{GRAMMAR, RULES, help_rows};
use crate::model::batch::Missed;
use crate::model::findings::{FINDINGS, THRESHOLDS, Thresholds};
use crate::model::session::{Evidence, Reason, State};
use crate::output::columns::LineColumn;
use crate::ui::keys::{HELP_SECTIONS, KEYS};

/// Date of the source, from the build.
const DATE: &str = env!("TCPLIFE_DATE");

const ABOUT: &[&str] = &[
    "The kernel reports each session when it closes, so that none is missed between two samples. On a terminal, **tcplife** \
     starts the dashboard: open sessions with live figures, and closed ones with the reason why they closed; `?` there \
     shows its keys. In a pipe, or with **-o**, it prints a row, or a JSON object, for each session.",
    "Loading the BPF programs takes root, or the capabilities CAP_BPF and CAP_PERFMON, and Linux 5.12 or later with type \
     information (BTF). When the programs are attached, **tcplife** gives these rights up. \
     `tcplife --doctor` tries everything on this host, and says what is missing and which command helps.",
];

const ACCURACY: &[&str] = &[
    "Bytes are those of the application; SYN and FIN do not count. `tx_bytes` is what the application wrote and the peer \
     acknowledged, `unacked_bytes` what it wrote and the peer never acknowledged, `rx_bytes` what arrived, and \
     `unread_bytes` the part of it that the application never read.",
    "The owner is a process known to hold or use the socket, never the one that happened to be running when a packet \
     arrived; the column OWNER names the evidence. Sessions that were open when **tcplife** started are included; their age \
     is a lower bound, shown as `≥`, or as `+` after the number in text.",
    "Sessions that could not be reported are counted, by cause, on stderr, in the header of the dashboard, and in the \
     `summary` of JSON:",
];

const OVERHEAD: &[&str] = &[
    "State lives in the sockets of the kernel, and one record for each session crosses to user space when it closes. Nothing \
     runs for each packet, except for packets that are dropped or retransmitted. A snapshot of the open sessions costs \
     what has changed since the one before; its interval is stretched so that snapshots take a twentieth of a processor \
     at most. `make bench` in the source measures all of this; docs/performance.md has the figures and the method.",
];

const FILES: &[(&str, &str)] = &[
    (
        "~/.config/tcplife/config.toml",
        "Configuration of the dashboard, and thresholds of findings. `tcplife --print-config` prints one with all defaults, \
         explained.",
    ),
    (
        "~/.local/state/tcplife/",
        "History of filters, and the columns chosen in the dashboard; under sudo those of the user who called it.",
    ),
    (
        "/sys/kernel/btf/vmlinux",
        "Type information of the kernel, which must be readable.",
    ),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "NO_COLOR",
        "If set and not empty, no colors, unless --theme names a theme with colors.",
    ),
    (
        "COLORTERM, TERM",
        "Colors that the terminal has: `truecolor`, or as the name of the terminal says.",
    ),
    (
        "LC_ALL, LC_CTYPE, LANG",
        "Whether the terminal shows UTF-8; otherwise the dashboard draws with ASCII alone.",
    ),
    ("TZ", "Time zone of the times of day."),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME",
        "Directories to use instead of ~/.config and ~/.local/state.",
    ),
    (
        "SUDO_UID, DOAS_USER, PKEXEC_UID",
        "The user who called, with whose rights files are opened.",
    ),
    (
        "SSH_CONNECTION, TMUX, STY",
        "The ssh session and the multiplexer around the program, to hide its own traffic and to copy to the clipboard.",
    ),
    (
        "TCPLIFE_COMPLETE",
        "Set by the completions of shells, which ask the program for words.",
    ),
];

const EXIT_STATUS: &[(&str, &str)] = &[
    (
        "0",
        "Success; with --findings, nothing is wrong; with --doctor, sessions can be seen here.",
    ),
    (
        "1",
        "An error, described in one line on stderr; with --findings, something is wrong; with --doctor, something is missing.",
    ),
    ("2", "Wrong usage; with --findings also every other error."),
];

/// Returns the man page, in roff.
pub(super) fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut page = Page(Roff::new());
    let version = format!("tcplife {}", env!("CARGO_PKG_VERSION"));
    let title = ["TCPLIFE", "8", DATE, &version, "System Administration"];
    page.0.control("TH", title);
    page.section("NAME");
    page.paragraphs(&["tcplife - show every TCP session of this host"]);
    page.section("SYNOPSIS");
    page.0.text([
        bold("tcplife"),
        roman(" ["),
        italic("OPTION"),
        roman("]..."),
    ]);
    page.section("DESCRIPTION");
    page.paragraphs(ABOUT);
    page.section("OPTIONS");
    for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
        page.flag(flag);
    }
    page.tables();
    let examples = command.get_after_help().map(ToString::to_string);
    let examples = examples.unwrap_or_default();
    page.section("EXAMPLES");
    let lines = examples.lines().map(str::trim_start);
    for (command, meaning) in lines.filter_map(|line| line.split_once("  ")) {
        page.entry(command, meaning.trim_start());
    }
    page.section("SEE ALSO");
    page.paragraphs(&["**ss**(8), **tcpdump**(8), **bpf**(2), **capabilities**(7)"]);
    wrapped(&page.0.render())
}

/// Wraps the lines of text, which man pages keep short. The line after `.TP` is a term, and has to stay one.
fn wrapped(page: &str) -> String {
    const WIDTH: usize = 78;
    let mut text = String::new();
    let mut is_term = false;
    for line in page.lines() {
        let is_request = line.starts_with(['.', '\'']);
        let mut rest = line.trim_end();
        while !is_request && !is_term && rest.len() > WIDTH {
            // other characters are written as \\[uXXXX] first
            let mut width = 0;
            let fits = rest.char_indices().take_while(|(_, c)| {
                width += if c.is_ascii() { 1 } else { 8 };
                width <= WIDTH
            });
            let space = fits.filter(|(_, c)| *c == ' ').last();
            let space = space.or_else(|| rest.char_indices().find(|(_, c)| *c == ' '));
            let Some((at, _)) = space else { break };
            text += rest[..at].trim_end();
            rest = rest[at..].trim_start();
            // what would be a request at the start of a line
            text += if rest.starts_with(['.', '\'']) {
                "\n\\&"
            } else {
                "\n"
            };
        }
        text += rest;
        text.push('\n');
        is_term = line == ".TP";
    }
    text
}

/// A man page while it is written.
struct Page(Roff);

impl Page {
    /// Writes the sections that are tables of the program.
    fn tables(&mut self) {
        self.section("COLUMNS");
        self.paragraphs(&["Words for **--columns**, filters and sorting, with the keys of CSV and JSON. `tcplife --columns help` prints them, too."]);
        for column in LineColumn::selectable() {
            let key = match column.is_live() {
                true => "dashboard only".to_owned(),
                false => format!("`{}`", column.key()),
            };
            self.entry(column.word(), &format!("{} ({key})", column.help()));
        }
        self.section("FILTERS");
        self.paragraphs(&["**-f** and the prompt of the dashboard (`/`) take the same language."]);
        for (form, meaning) in GRAMMAR {
            self.entry(form, meaning);
        }
        let rules: Vec<&str> = RULES.split("\n\n").collect();
        self.paragraphs(&rules);
        self.paragraphs(&["The fields, their values, and an example of each:"]);
        for row in help_rows() {
            let words = [&[row.word][..], row.aliases].concat().join(", ");
            self.entry(&words, &format!("{}; `{}`", row.takes, row.example));
        }
        self.section("KEYS");
        for section in HELP_SECTIONS {
            self.subsection(section.heading);
            for key in KEYS.iter().filter(|key| section.lists(key)) {
                self.entry(&key.names(), &section.help_of(key));
            }
        }
        self.section("STATES");
        for state in State::ALL {
            self.entry(state.name(), state.help());
        }
        self.section("REASONS");
        for reason in Reason::ALL {
            self.entry(reason.name(), reason.help());
        }
        self.section("EVIDENCE");
        for evidence in Evidence::ALL {
            self.entry(evidence.name(), evidence.help());
        }
        self.section("FINDINGS");
        self.paragraphs(&["The screen `!` and **--findings** say what is wrong. Each has a threshold in the table `[findings]` of the configuration."]);
        for rule in FINDINGS {
            let threshold = rule.threshold_text(&Thresholds::default());
            let (severity, meaning) = (rule.severity.name(), rule.meaning);
            self.entry(
                rule.name,
                &format!(
                    "{} ({severity}; {threshold}). {meaning} Next: {}",
                    rule.title, rule.next
                ),
            );
        }
        self.subsection("THRESHOLDS");
        for threshold in THRESHOLDS {
            let value = format!("{} {}", threshold.default, threshold.unit);
            self.entry(
                threshold.name,
                &format!("{} (default: {})", threshold.help, value.trim()),
            );
        }
        self.section("ACCURACY");
        self.paragraphs(ACCURACY);
        self.entries(&Missed::CAUSES);
        self.section("OVERHEAD");
        self.paragraphs(OVERHEAD);
        self.section("FILES");
        self.entries(FILES);
        self.section("ENVIRONMENT");
        self.entries(ENVIRONMENT);
        self.section("EXIT STATUS");
        self.entries(EXIT_STATUS);
    }

    /// Writes an option, with its values if they are names.
    fn flag(&mut self, flag: &Arg) {
        let short = flag.get_short().map(|c| format!("-{c}"));
        let long = flag.get_long().map(|name| format!("--{name}"));
        let names: Vec<String> = short.into_iter().chain(long).collect();
        let mut term = vec![bold(names.join(", "))];
        let takes_value = flag.get_action().takes_values();
        for name in flag
            .get_value_names()
            .unwrap_or_default()
            .iter()
            .filter(|_| takes_value)
        {
            term.extend([roman(" "), italic(name.as_str())]);
        }
        self.0.control("TP", []);
        self.0.text(term);
        let mut help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults = flag.get_default_values().iter().filter(|_| takes_value);
        for default in defaults {
            help += &format!(" [default: {}]", default.to_string_lossy());
        }
        self.0.text(inlines(&help));
        let values = flag.get_possible_values();
        if values.is_empty() || !takes_value {
            return;
        }
        self.0.control("RS", []);
        for value in values.iter().filter(|value| !value.is_hide_set()) {
            let help = value.get_help().map(ToString::to_string);
            self.entry(value.get_name(), &help.unwrap_or_default());
        }
        self.0.control("RE", []);
    }

    fn section(&mut self, name: &str) {
        self.0.control("SH", [name]);
    }

    fn subsection(&mut self, name: &str) {
        self.0.control("SS", [name]);
    }

    fn paragraphs(&mut self, paragraphs: &[&str]) {
        for (i, paragraph) in paragraphs.iter().enumerate() {
            // a section begins with a paragraph
            if i > 0 || !self.is_at_heading() {
                self.0.control("PP", []);
            }
            self.0.text(inlines(paragraph));
        }
    }

    fn entry(&mut self, term: &str, text: &str) {
        self.0.control("TP", []);
        self.0.text([bold(term)]);
        self.0.text(inlines(text));
    }

    fn entries(&mut self, entries: &[(&str, &str)]) {
        for (term, text) in entries {
            self.entry(term, text);
        }
    }

    fn is_at_heading(&self) -> bool {
        let text = self.0.to_roff();
        let last = text.lines().last().unwrap_or_default();
        last.starts_with(".SH") || last.starts_with(".SS")
    }
}

/// Parts of a text, with what is in backticks or double asterisks in bold. Line breaks are spaces.
fn inlines(text: &str) -> Vec<Inline> {
    let text = text.replace('\n', " ").replace("**", "`");
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(i, part)| match i % 2 {
            0 => roman(part),
            _ => bold(part),
        })
        .collect()
}
