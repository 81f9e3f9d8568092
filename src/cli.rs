//! The command line: flags, their checks, and usage errors.

pub mod complete;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::Styles;
use clap::error::ErrorKind;
use clap::{ArgGroup, Parser, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use unicode_width::UnicodeWidthStr;

use crate::filter::Filter;
use crate::host::broker::{Broker, Place};
use crate::host::sandbox::Mode;
use crate::model::capture_filter::{CaptureFilter, Family, PortSet};
use crate::output::columns;
use crate::output::columns::{ColumnsFlag, LineColumn};
use crate::output::record::Retention;
use crate::output::report::ReportFlag;
use crate::text::moment::{Moment, moment};
use crate::text::sanitize::sanitize;
use crate::text::units;
use crate::ui::FreezeOn;
use crate::ui::config::{ColumnList, Config};
use crate::ui::theme::NamedTheme;
pub use values::{BaselineFlag, RingSize};
use values::{baseline, count, keep, pid, retention, ring_size, snapshots, speed, theme_parser};

/// Text of `--version`: facts of the build.
const FACTS: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("TCPLIFE_COMMIT"),
    "\ndate: ",
    env!("TCPLIFE_DATE"),
    "\ntarget: ",
    env!("TCPLIFE_TARGET"),
    "\nlinked: ",
    env!("TCPLIFE_LINKED"),
);

/// Text of `--help` after the flags.
const EXAMPLES: &str = "\
Examples:
  tcplife                       start the dashboard; press ? there for its keys
  tcplife --demo                try the dashboard without root
  tcplife -o text               print a row for each session when it closes
  tcplife -stT                  print CSV with both times
  tcplife -L 22,80              start the dashboard with only sessions of local port 22 or 80
  tcplife -o text -D 443 -4     print only sessions with remote port 443 over IPv4
  tcplife -o text -p 181        print only sessions owned by process 181
  tcplife -o text -f refused    print only refused connections; --help-filter explains filters
  tcplife --open                print the sessions that are open now, and exit
  tcplife --snapshots 1m        print JSON of open sessions too, every minute what has changed
  tcplife -s --columns time,comm,raddr,reason,srtt_us  print CSV with these columns
  tcplife -o json --duration 10s | jq 'select(.reason == \"refused\")'

In rows, `-` is a value that is missing or not known. A `+` after MS is a lower bound: the session
was open before tcplife started, and has lasted at least that long.";

/// Show every TCP session of this host: owner, peer, bytes, duration, quality, and why it closed.
#[derive(Debug, Parser)]
#[command(name = "tcplife", version, long_version = FACTS, after_help = EXAMPLES, styles = Styles::plain(), max_term_width = 100)]
// values that begin with a dash are allowed where they are checked: the error is about the value then
#[command(args_override_self = true)] // so that an alias can be given more flags
#[command(group(ArgGroup::new("family").args(["ipv4", "ipv6"])))]
pub struct Cli {
    /// Print the time of day (HH:MM:SS) before each row
    #[arg(short = 'T', long)]
    pub time: bool,

    /// Print the seconds since the first row before each row
    #[arg(short = 't', long)]
    pub timestamp: bool,

    /// Print wide columns: IP version, full IPv6 addresses, full names
    #[arg(short, long)]
    pub wide: bool,

    /// Print comma-separated values; same as -o csv
    #[arg(short = 's', long, conflicts_with = "output")]
    pub csv: bool,

    /// Print names in text and CSV unchanged: with spaces, and with signs at which a spreadsheet
    /// would start a formula
    #[arg(long)]
    pub exact_names: bool,

    /// Show these columns in this order: a list like comm,raddr,rport,reason,rtt, in CSV and JSON with the
    /// keys of JSON, in text with the units in the headings; `help` lists all
    #[arg(long, value_name = "LIST", add = ArgValueCompleter::new(complete::columns))]
    pub columns: Option<ColumnsFlag>,

    /// Print the sessions that are open now, and exit
    #[arg(long, conflicts_with = "duration")]
    pub open: bool,

    /// Print open sessions too, as JSON: each one when it is first seen, and then this often what has changed,
    /// like 60s; at least 100ms
    #[arg(long, value_name = "TIME", value_parser = snapshots, allow_hyphen_values = true, conflicts_with = "open")]
    pub snapshots: Option<Duration>,

    /// Print what is wrong at the end of the run, which is long enough for all rules unless --duration is given,
    /// and exit with 0 if nothing is, 1 if something is, 2 if that cannot be told; with -o json and without
    /// --duration, or with --snapshots: print findings as they begin and end, beside the sessions; with
    /// -o dashboard: start with the screen of findings
    #[arg(long, conflicts_with_all = ["open", "count"])]
    pub findings: bool,

    /// Show only sessions owned by this process
    #[arg(short, long, value_name = "PID", value_parser = pid, allow_hyphen_values = true)]
    pub pid: Option<u32>,

    /// Show only sessions with these local ports: a list like 22,80,8000-8100
    #[arg(short = 'L', long, value_name = "PORTS", allow_hyphen_values = true)]
    pub localport: Option<PortSet>,

    /// Show only sessions with these remote ports: a list like 22,80,8000-8100
    #[arg(short = 'D', long, value_name = "PORTS", allow_hyphen_values = true)]
    pub remoteport: Option<PortSet>,

    /// Show only IPv4
    #[arg(short = '4', long)]
    pub ipv4: bool,

    /// Show only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,

    /// Show only sessions that match, like 'port 443 and rtt > 50ms' (--help-filter explains
    /// the language)
    #[arg(short, long, value_name = "EXPR", allow_hyphen_values = true, add = ArgValueCompleter::new(complete::filters))]
    pub filter: Option<String>,

    /// Explain the filters of -f and of the dashboard, with every field, and exit
    #[arg(long)]
    pub help_filter: bool,

    /// Set the output format [default: dashboard on a terminal, else text; --snapshots implies json; -T, -t,
    /// -w, --open, --findings, --count, --exact-names and --redact of this host imply text]
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub output: Option<Output>,

    /// Exit after this time: 10s, 1m30s, 500ms
    #[arg(long, value_name = "TIME", value_parser = units::duration, allow_hyphen_values = true)]
    pub duration: Option<Duration>,

    /// Exit after this many rows
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub count: Option<u64>,

    /// Refresh the dashboard this often [default: 1s, or as configured]
    #[arg(short, long, value_name = "TIME", value_parser = units::interval, allow_hyphen_values = true)]
    pub interval: Option<Duration>,

    /// Keep this many closed sessions in the dashboard [default: 100000, or as configured]
    #[arg(long, value_name = "N", value_parser = keep, allow_hyphen_values = true)]
    pub keep: Option<usize>,

    /// Record everything that the kernel reports beside the output: to this file, which must not exist, to files in
    /// this directory, or with -o none to stdout as `-`; read it with --replay. SIGUSR1 stops and starts it. With
    /// --replay: record the part that --from, --to and -f choose to this file, and show nothing unless -o is given
    #[arg(long, value_name = "PATH", conflicts_with = "open")]
    pub record: Option<PathBuf>,

    /// Keep so much of the recording in a directory, and drop the oldest files: a time, a size, or both, like 24h,1GB
    #[arg(long, value_name = "LIMITS", value_parser = retention, requires = "record", allow_hyphen_values = true)]
    pub record_keep: Option<Retention>,

    /// Show the sessions of recordings, or of the lines of -o json, instead of this host's: of files and of all files
    /// in directories; `-` reads stdin
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["snapshots", "duration", "interval", "ring_size"])]
    pub replay: Vec<PathBuf>,

    /// Show a recording that is part of this program instead of this host's sessions, without root: a web host whose
    /// database gets slow; in the dashboard as it happened, second by second
    #[arg(long, conflicts_with_all = ["replay", "record", "redact", "snapshots", "duration", "interval", "ring_size"])]
    pub demo: bool,

    /// Show what happened from this time on: 03:12, 2026-11-30T03:12:04, in UTC with a Z at the end, or +5m after the beginning
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "replay")]
    pub from: Option<Moment>,

    /// Show what happened up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "replay")]
    pub to: Option<Moment>,

    /// Show a recording in the dashboard from its beginning, or from --from, as it happened: so many of its seconds in a second,
    /// like 1, 0.5 or 60; max: all at once, and begin at its end [default: max]
    #[arg(long, value_name = "N", value_parser = speed, requires = "replay", allow_hyphen_values = true)]
    pub replay_speed: Option<f64>,

    /// Compare with this recording, up to its end or to this time of it: the baseline of the dashboard is set there, and `m`
    /// shows what has changed
    #[arg(long, value_name = "FILE[@TIME]", value_parser = baseline)]
    pub baseline: Option<BaselineFlag>,

    /// Freeze the black box of the dashboard two minutes after more than N sessions a second matched, so that one can
    /// look back later: 'reason refused', or 'reason refused 50/s'
    #[arg(long, value_name = "EXPR")]
    pub freeze_on: Option<String>,

    /// Replace everything that names somebody, in rows and in recordings: addresses, programs, users,
    /// interfaces, units, control groups, containers, the host. Subnets, ports, times and sizes stay
    #[arg(long, conflicts_with = "findings")]
    pub redact: bool,

    /// Redact with the key in this file, of 16 bytes or more: with the same key, the same names are replaced
    /// by the same ones [default: a random key]
    #[arg(long, value_name = "FILE", requires = "redact")]
    pub redact_key: Option<PathBuf>,

    /// Write a report of what happened to this file, which must not exist, when the run or the recording ends:
    /// a page if it ends with .html, text if with .md; `-.html` and `-.md` write to stdout
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, conflicts_with_all = ["csv", "open", "snapshots", "findings", "count"])]
    pub report: Option<ReportFlag>,

    /// Leave the mouse to the terminal, so that it can select text
    #[arg(long)]
    pub no_mouse: bool,

    /// Set the theme of the dashboard, regardless of the configuration and NO_COLOR
    #[arg(long, value_name = "NAME", value_parser = theme_parser())]
    pub theme: Option<&'static NamedTheme>,

    /// Read the configuration of the dashboard from this file [default:
    /// $XDG_CONFIG_HOME/tcplife/config.toml, else ~/.config/tcplife/config.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the configuration with all defaults, explained, and exit
    #[arg(long)]
    pub print_config: bool,

    /// Try everything on this host that is needed, print what was found and which command helps, and exit with 0 if
    /// sessions can be seen, else 1; with -o json: as JSON
    #[arg(long, conflicts_with_all = ["open", "count", "findings", "snapshots", "duration", "record", "replay", "demo", "filter", "columns"])]
    pub doctor: bool,

    /// Print the man page, or the completions of a shell, and exit
    #[arg(long, value_name = "FILE", value_enum)]
    pub generate: Option<Generate>,

    /// Set how much of root's rights is given up when the BPF programs are attached
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub sandbox: Mode,

    /// Set the size of the ring buffer, like 256Ki or 64Mi; rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "16Mi", value_parser = ring_size, allow_hyphen_values = true)]
    pub ring_size: RingSize,
}

/// File that the program makes for an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Man page, section 8
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Live view on the terminal
    Dashboard,
    /// Rows of columns
    Text,
    /// Comma-separated values
    Csv,
    /// One JSON object per line, and at the end one with "event":"summary"
    Json,
    /// Nothing; for --record or --report
    None,
    /// A report at the end: --report
    #[value(skip)]
    Report,
}

impl Output {
    /// Returns its name on the command line, after -o.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// Returns the flag that asks for it.
    fn flag(self) -> String {
        match self {
            Output::Report => "--report".into(),
            _ => format!("-o {}", self.name()),
        }
    }
}

/// A flag that has an effect only with some outputs.
struct Needed {
    flag: &'static str,
    is_given: fn(&Cli) -> bool,
    by: &'static [Output],
}

static NEEDED: [Needed; 20] = {
    const fn needed(
        flag: &'static str,
        is_given: fn(&Cli) -> bool,
        by: &'static [Output],
    ) -> Needed {
        Needed { flag, is_given, by }
    }
    const ROWS: &[Output] = &[Output::Text, Output::Csv];
    const LINES: &[Output] = &[Output::Text, Output::Csv, Output::Json];
    const NO_DASHBOARD: &[Output] = &[Output::Text, Output::Csv, Output::Json, Output::None];
    const DASHBOARD: &[Output] = &[Output::Dashboard];
    const ALL: &[Output] = &[Output::Dashboard, Output::Text, Output::Csv, Output::Json];
    const FILTERED: &[Output] = &[
        Output::Dashboard,
        Output::Text,
        Output::Csv,
        Output::Json,
        Output::Report,
    ];
    [
        needed("-f", |c| c.filter.is_some() && !c.is_cut(), FILTERED),
        // the dashboard shows more of this host than its sessions
        needed("--redact", |c| c.redact && c.is_live(), NO_DASHBOARD),
        needed("--columns", |c| c.columns.is_some(), ALL),
        needed("-T", |c| c.time, ROWS),
        needed("-t", |c| c.timestamp, ROWS),
        // bcc's tcplife takes -s -w too
        needed("-w", |c| c.wide && !c.csv, &[Output::Text]),
        needed("--exact-names", |c| c.exact_names, ROWS),
        needed("--open", |c| c.open, LINES),
        needed("--snapshots", |c| c.snapshots.is_some(), &[Output::Json]),
        needed(
            "--findings",
            |c| c.findings,
            &[Output::Text, Output::Json, Output::Dashboard],
        ),
        needed("--count", |c| c.count.is_some(), LINES),
        needed("--doctor", |c| c.doctor, &[Output::Text, Output::Json]),
        needed("--interval", |c| c.interval.is_some(), DASHBOARD),
        needed("--keep", |c| c.keep.is_some(), DASHBOARD),
        needed("--replay-speed", |c| c.replay_speed.is_some(), DASHBOARD),
        needed("--baseline", |c| c.baseline.is_some(), DASHBOARD),
        needed("--freeze-on", |c| c.freeze_on.is_some(), DASHBOARD),
        needed("--no-mouse", |c| c.no_mouse, DASHBOARD),
        needed("--theme", |c| c.theme.is_some(), DASHBOARD),
        needed(
            "--config",
            |c| c.config.is_some() && !c.findings && !c.doctor,
            &[Output::Dashboard, Output::Report],
        ),
    ]
};

impl Cli {
    /// Parses the command line.
    ///
    /// # Errors
    /// [`Stop`] if the program is to print something and exit.
    pub fn read(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, Stop> {
        let cli = Cli::try_parse_from(args).map_err(Stop::from)?;
        cli.check().map_err(Stop::usage)?;
        Ok(cli)
    }

    /// Rejects flags without effect, which clap's attributes cannot express.
    fn check(&self) -> Result<(), String> {
        self.check_stdout()?;
        let Some(output) = self.chosen() else {
            return Ok(());
        };
        if let Some(other) = self.output.filter(|o| *o != Output::None)
            && output == Output::Report
        {
            let flag = other.flag();
            return Err(format!(
                "--report is the output of a run, and takes no {flag}"
            ));
        }
        if output == Output::None && self.record.is_none() {
            return Err("-o none shows nothing, and needs --record or --report".into());
        }
        if output == Output::Dashboard && self.is_cut() {
            return Err("--record with --replay writes a part of a recording, beside rows or -o none, not the dashboard".into());
        }
        let Some(Needed { flag, by, .. }) = self.without_effect(output).next() else {
            return Ok(());
        };
        let fits = match *by {
            [Output::Dashboard] => "the dashboard".into(),
            [one] => one.name(),
            [first @ .., last] => {
                let first: Vec<_> = first.iter().map(|o| o.name()).collect();
                format!("{} and {}", first.join(", "), last.name())
            }
            [] => String::new(),
        };
        let with = output.flag();
        Err(format!(
            "{flag} has no effect with {with}: it applies to {fits}"
        ))
    }

    /// Rejects a recording among the rows, and stdin among files.
    fn check_stdout(&self) -> Result<(), String> {
        let is_dash = |path: &PathBuf| path.as_os_str() == "-";
        if self.record.as_ref().is_some_and(is_dash) && self.output != Some(Output::None) {
            return Err("--record - writes the recording to stdout, and needs -o none".into());
        }
        if self.replay.len() > 1 && self.replay.iter().any(is_dash) {
            return Err("--replay - reads stdin, and takes no other recording".into());
        }
        Ok(())
    }

    /// Iterates over the given flags that have no effect with that output.
    fn without_effect(&self, output: Output) -> impl Iterator<Item = &'static Needed> {
        let needless = move |n: &&Needed| (n.is_given)(self) && !n.by.contains(&output);
        NEEDED.iter().filter(needless)
    }

    /// Returns a notice for flags of the dashboard if there is none, because the program is not on a terminal: an alias
    /// may have them, so that is no error.
    pub fn notice(&self, output: Output) -> Option<String> {
        let flags: Vec<&str> = self.without_effect(output).map(|n| n.flag).collect();
        let name = output.name();
        (!flags.is_empty()).then(|| {
            let flags = flags.join(", ");
            format!("no effect without a terminal, where the output is {name}: {flags}")
        })
    }

    /// Returns a notice for the dashboard that names what the flags limit it to and the call that prints rows, unless -o asked for
    /// the dashboard: whoever knows bcc's tcplife expects rows.
    pub fn dashboard_notice(&self) -> Option<String> {
        let given = [
            self.pid.map(|pid| format!("-p {pid}")),
            self.localport.as_ref().map(|ports| format!("-L {ports}")),
            self.remoteport.as_ref().map(|ports| format!("-D {ports}")),
            self.ipv4.then(|| "-4".to_owned()),
            self.ipv6.then(|| "-6".to_owned()),
        ];
        let flags: Vec<String> = given.into_iter().flatten().collect();
        let is_limited = !flags.is_empty() && self.output.is_none();
        is_limited.then(|| {
            let (flags, capture) = (flags.join(" "), self.capture());
            format!("rows instead: tcplife {flags} -o text; this follows only {capture}")
        })
    }

    /// True if the sessions are those of this host, not of a recording.
    pub fn is_live(&self) -> bool {
        self.replay.is_empty() && !self.demo
    }

    /// Returns the speed of a recording that is shown as it happened; `None`: it comes at once.
    pub fn speed(&self) -> Option<f64> {
        let of_flag = self.replay_speed.filter(|times| times.is_finite());
        of_flag.or(self.demo.then_some(1.0))
    }

    /// True if a part of a recording is to be recorded.
    pub fn is_cut(&self) -> bool {
        self.record.is_some() && !self.is_live()
    }

    /// True if the filter chooses what is recorded or redacted, and not only what is shown of it.
    pub fn selects(&self) -> bool {
        self.is_cut() || self.redact
    }

    /// Describes the part of a recording that is recorded. The filter of a redacted one names what is not in it.
    pub fn cut_text(&self) -> String {
        let from = self.from.map(|from| format!("from {from}"));
        let to = self.to.map(|to| format!("to {to}"));
        let filter = self.filter.as_deref().map(|filter| match self.redact {
            true => "a filter".to_owned(),
            false => sanitize(filter.trim()),
        });
        let redacted = self.redact.then(|| "redacted".to_owned());
        let parts: Vec<String> = [from, to, filter, redacted].into_iter().flatten().collect();
        match parts.is_empty() {
            true => "everything".into(),
            false => parts.join(", "),
        }
    }

    /// True if the dashboard is to start with the screen of findings.
    pub fn starts_with_findings(&self, output: Output) -> bool {
        self.findings && output == Output::Dashboard
    }

    /// True if findings are to be written as lines.
    pub fn writes_findings(&self, output: Output) -> bool {
        self.findings && output != Output::Dashboard
    }

    /// Returns the output that the flags ask for, if any.
    fn chosen(&self) -> Option<Output> {
        let rows = self.time || self.timestamp || self.wide || self.exact_names;
        let rows = rows || self.doctor || self.open || self.findings || self.count.is_some();
        if self.report.is_some() {
            return Some(Output::Report);
        }
        let implied = [
            (self.csv, Output::Csv),
            (self.snapshots.is_some(), Output::Json),
            (rows, Output::Text),
            (self.is_cut(), Output::None),
            (self.redact && self.is_live(), Output::Text),
        ];
        let implied = implied.into_iter().find(|(is_given, _)| *is_given);
        self.output.or(implied.map(|(_, output)| output))
    }

    /// Returns the output to use, depending on whether stdout is a terminal.
    pub fn output(&self, on_a_terminal: bool) -> Output {
        self.chosen().unwrap_or(if on_a_terminal {
            Output::Dashboard
        } else {
            Output::Text
        })
    }

    /// Returns the columns of --columns for a line output; `None`: those that it usually has.
    ///
    /// # Errors
    /// [`Stop`] if the list of all columns was requested, or if a column is not known there.
    pub fn line_columns(&self, output: Output) -> Result<Option<Vec<LineColumn>>, Stop> {
        let columns = match &self.columns {
            None => return Ok(None),
            Some(ColumnsFlag::Help) => return Err(Stop::Help(columns::list())),
            Some(ColumnsFlag::These(columns)) => columns,
        };
        let live = columns.iter().find(|c| c.is_live());
        match live.filter(|_| output != Output::Dashboard) {
            Some(live) => Err(Stop::usage(format!(
                "--columns: `{}` is only known in the dashboard",
                live.word()
            ))),
            None => Ok(Some(columns.clone())),
        }
    }

    /// Returns the condition on which the dashboard's black box freezes.
    ///
    /// # Errors
    /// [`Stop`] if it is not valid.
    pub fn freeze_on(&self) -> Result<Option<FreezeOn>, Stop> {
        let Some(text) = &self.freeze_on else {
            return Ok(None);
        };
        let on = FreezeOn::parse(text, crate::host::users::uid_of);
        on.map(Some).map_err(|(at, wrong)| {
            let before = text.get(..at.start).unwrap_or_default().width();
            let text = sanitize(text);
            Stop::Usage(format!(
                "invalid condition (--freeze-on):\n  {text}\n  {:before$}^ {wrong}",
                ""
            ))
        })
    }

    /// Returns the columns of --columns for the dashboard.
    fn table_columns(&self) -> Result<Option<ColumnList>, Stop> {
        let Some(ColumnsFlag::These(columns)) = &self.columns else {
            return Ok(None);
        };
        let column = |column: &LineColumn| match column {
            LineColumn::Field(field) if field.column.is_some() => Ok(*field),
            other => Err(Stop::usage(format!(
                "--columns: the dashboard has no column `{}`",
                other.word()
            ))),
        };
        columns
            .iter()
            .map(column)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Returns the filter of -f; without one, the filter that matches everything. Line outputs show closed sessions, open
    /// ones, or with --snapshots both: a filter that none of these can match is an error.
    ///
    /// # Errors
    /// [`Stop::Usage`] with the place of the error.
    pub fn session_filter(&self, output: Output) -> Result<Filter, Stop> {
        let text = self.filter.as_deref().unwrap_or_default();
        let filter = Filter::parse_with(text, crate::host::users::uid_of).map_err(|e| {
            let report = e.report().replace('\n', "\n  ");
            Stop::Usage(format!("invalid filter (-f):\n  {report}"))
        })?;
        if self.open && output != Output::Dashboard && filter.has_rate() {
            return Err(Stop::Usage(
                "--open takes a single snapshot, which has no rates, and the filter (-f) compares one. \
                 Use --snapshots 2s -o json instead of --open"
                    .into(),
            ));
        }
        if self.open && output != Output::Dashboard && !filter.can_match_open() {
            return Err(Stop::Usage(
                "no session can match: --open writes open sessions and takes a single snapshot, which has no reasons, \
                 and the filter (-f) matches none of them. Leave out --open to see sessions as they close; \
                 --duration 10 ends after ten seconds"
                    .into(),
            ));
        }
        if self.snapshots.is_some() && !filter.can_match_closed() && !filter.can_match_live() {
            return Err(Stop::Usage(
                "no session can match: the filter (-f) matches none, open or closed".into(),
            ));
        }
        let takes_open = self.open || self.is_cut() || self.findings || self.snapshots.is_some();
        let takes_open = takes_open || output == Output::Report;
        if output != Output::Dashboard && !takes_open && !filter.can_match_closed() {
            return Err(Stop::Usage(format!(
                "no session can match: -o {} writes closed sessions, and the filter (-f) matches none of them. \
                 Use --open, --snapshots or -o dashboard to see open sessions",
                output.name()
            )));
        }
        Ok(filter)
    }

    /// Returns the settings for that output: flags take precedence over the configuration, which takes precedence over the
    /// defaults.
    ///
    /// # Errors
    /// [`Stop::Usage`] with the place in the configuration.
    pub fn settings(&self, broker: &Broker, output: Output) -> Result<Config, Stop> {
        let opened = broker.read(Place::Config);
        let config = match (&self.config, broker.path(Place::Config)) {
            (Some(file), _) => Config::read(file, opened),
            (None, Some(file)) => Config::read_usual(file, opened),
            (None, None) => Ok(Config::default()),
        };
        let config = config.map_err(|e| Stop::Usage(e.to_string()))?;
        let columns = match output {
            Output::Dashboard => self.table_columns()?,
            _ => None, // they are those of rows
        };
        Ok(Config {
            columns: columns.or(config.columns),
            interval: self.interval.unwrap_or(config.interval),
            keep: self.keep.unwrap_or(config.keep),
            mouse: config.mouse && !self.no_mouse,
            ..config
        })
    }

    /// Returns what the kernel is to report for that output. For line outputs the filter is pushed down as far as
    /// possible; the dashboard's filter may change at any moment.
    ///
    /// # Errors
    /// [`Stop::Usage`] if no session can match.
    pub fn capture_for(&self, output: Output, filter: &Filter) -> Result<CaptureFilter, Stop> {
        let capture = self.capture();
        if output == Output::Dashboard {
            return Ok(capture);
        }
        let is_recorded = self.record.is_some();
        let implied = filter.capture();
        let both = capture.intersection(&implied);
        let what = match both.is_nothing() {
            // a recording is not limited by the filter of what is shown beside it
            false if is_recorded => return Ok(capture),
            false => return Ok(both),
            true if implied.is_nothing() => "the filter (-f) contradicts itself",
            true => "the filter (-f) and the other flags contradict each other",
        };
        Err(Stop::Usage(format!("no session can match: {what}")))
    }

    /// Returns the capture filter that the flags ask for.
    pub fn capture(&self) -> CaptureFilter {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        };
        CaptureFilter {
            pid: self.pid,
            netns: None,
            family,
            lports: self.localport.clone(),
            rports: self.remoteport.clone(),
            ports: None,
        }
    }
}

/// Reason to exit after reading the command line.
#[derive(Debug)]
pub enum Stop {
    /// The text of `--help` or `--version`.
    Help(String),
    /// A usage error, in one line.
    Usage(String),
}

impl Stop {
    fn usage(message: String) -> Self {
        Stop::Usage(format!("{message} (tcplife --help lists the flags)"))
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string();
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return Stop::Help(text);
        }
        // clap prints a paragraph; a line is enough, and the rest is in --help
        let lines = text
            .lines()
            .take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more"))
            .map(|l| l.trim().trim_start_matches("error: "))
            .filter(|l| !l.is_empty());
        Stop::usage(lines.collect::<Vec<_>>().join(" "))
    }
}

/// Returns the complete `--help`.
#[cfg(any(test, feature = "testing"))]
pub fn help() -> String {
    <Cli as clap::CommandFactory>::command()
        .render_help()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields;

    fn read(line: &str) -> Result<Cli, Stop> {
        Cli::read(line.split_whitespace().map(Into::into))
    }

    fn error(line: &str) -> String {
        match read(line) {
            Err(Stop::Usage(message)) => message,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flag_definitions_pass_clap_debug_checks() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn help_matches_its_snapshot() {
        insta::assert_snapshot!(help());
    }

    #[test]
    fn flags_of_classic_tcplife_keep_their_letters() {
        let cli = read("tcplife -stT -p 181 -L 22,80 -D 443 -4").expect("flags");
        assert!(cli.csv && cli.timestamp && cli.time);
        assert_eq!(cli.output(true), Output::Csv);
        assert_eq!(
            cli.capture().to_string(),
            "pid 181 and IPv4 and lport 22,80 and rport 443"
        );
        assert_eq!(
            read("tcplife -6").expect("flags").capture().family,
            Some(Family::V6)
        );
    }

    #[test]
    fn output_depends_on_the_terminal_and_the_flags() {
        for (line, on_terminal, in_pipe) in [
            ("tcplife", Output::Dashboard, Output::Text),
            ("tcplife -w", Output::Text, Output::Text),
            ("tcplife --count 1", Output::Text, Output::Text),
            ("tcplife --open", Output::Text, Output::Text),
            ("tcplife --open -o json", Output::Json, Output::Json),
            ("tcplife --snapshots 1m", Output::Json, Output::Json),
            ("tcplife --columns pid", Output::Dashboard, Output::Text),
            ("tcplife -s", Output::Csv, Output::Csv),
            ("tcplife --redact", Output::Text, Output::Text),
            (
                "tcplife --redact --replay a",
                Output::Dashboard,
                Output::Text,
            ),
            (
                "tcplife --replay a --record b -f c",
                Output::None,
                Output::None,
            ),
            ("tcplife -o json", Output::Json, Output::Json),
            ("tcplife -o dashboard", Output::Dashboard, Output::Dashboard),
        ] {
            let cli = read(line).expect(line);
            assert_eq!(
                (cli.output(true), cli.output(false)),
                (on_terminal, in_pipe),
                "{line}"
            );
        }
    }

    #[test]
    fn report_is_an_output_that_needs_no_other_one() {
        for line in ["--report a.html", "--report a.html -o none"] {
            let cli = read(&format!("tcplife {line}")).expect(line);
            assert_eq!(cli.output(true), Output::Report, "{line}");
        }
    }

    #[test]
    fn dashboard_without_output_flag_names_the_flags_that_limit_it() {
        let notice = |line: &str| read(line).expect(line).dashboard_notice();
        assert_eq!(
            notice("tcplife -L 22,80 -4").as_deref(),
            Some(
                "rows instead: tcplife -L 22,80 -4 -o text; this follows only IPv4 and lport 22,80"
            )
        );
        assert_eq!(notice("tcplife"), None);
        assert_eq!(notice("tcplife -L 22 -o dashboard"), None);
        let cli = read("tcplife --findings -o dashboard").expect("flags");
        assert!(cli.starts_with_findings(cli.output(true)));
        let cli = read("tcplife --findings").expect("flags");
        assert_eq!(cli.output(true), Output::Text);
        assert!(cli.writes_findings(cli.output(true)));
    }

    #[test]
    fn flag_repeated_last_value_wins() {
        let line = "tcplife -T -T -s -s -4 -4 -L 22 -L 80 -p 1 -p 2 -f a -f curl --duration 1s --duration 2s";
        let cli = read(line).expect("flags");
        assert!(cli.time && cli.csv);
        assert_eq!(cli.capture().to_string(), "pid 2 and IPv4 and lport 80");
        assert_eq!(cli.filter.as_deref(), Some("curl"));
        assert_eq!(cli.duration, Some(Duration::from_secs(2)));
        let cli = read("tcplife --interval 1s --interval 2s").expect("flags");
        assert_eq!(cli.interval, Some(Duration::from_secs(2)));
        let cli = read("tcplife -o csv -o json").expect("flags");
        assert_eq!(cli.output, Some(Output::Json));
    }

    #[test]
    fn flags_with_invalid_values_fail_with_one_line_errors() {
        let lines: Vec<String> = [
            "tcplife -p x",
            "tcplife -p 0",
            "tcplife -L 22,http",
            "tcplife -D 70000",
            "tcplife -L 90-80",
            "tcplife -4 -6",
            "tcplife -o xml",
            "tcplife -s -o json",
            "tcplife --duration soon",
            "tcplife --duration 0s",
            "tcplife --count 0",
            "tcplife --interval 1ms",
            "tcplife --duration 5sec",
            "tcplife --ring-size 2G",
            "tcplife --ring-size 16Q",
            "tcplife --nonsense",
            "tcplife stray",
            "tcplife -o json -T",
            "tcplife -o csv -w",
            "tcplife -o dashboard --count 3",
            "tcplife -o json --interval 2s",
            "tcplife -o text --keep 10",
            "tcplife -s --theme dark",
            "tcplife --count 1 --no-mouse",
            "tcplife --snapshots 50ms",
            "tcplife --snapshots 1m -o text",
            "tcplife --snapshots 1m -s",
            "tcplife --snapshots 1m -T",
            "tcplife --snapshots 1m --open",
            "tcplife --snapshots 1m -o dashboard",
            "tcplife --redact -o dashboard",
            "tcplife --redact --findings",
            "tcplife --redact-key k -o text",
            "tcplife --replay a --record b -o dashboard",
            "tcplife --demo --replay a",
            "tcplife --demo --record a -o none",
            "tcplife --report a.html -o json",
        ]
        .iter()
        .map(|line| format!("{line}\n    {}", error(line)))
        .collect();
        assert!(lines.iter().all(|l| l.lines().count() == 2), "{lines:#?}");
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn ring_size_accepts_the_same_sizes_as_a_filter() {
        let canonical = |text: &str| Filter::parse(&format!("tx > {text}")).map(|f| f.canonical());
        for (text, size) in [
            ("4096", 4096),
            ("4096B", 4096),
            ("4Ki", 4096),
            ("256K", 256_000),
            ("256Ki", 1 << 18),
            ("16M", 16_000_000),
            ("16m", 16_000_000),
            ("16MB", 16_000_000),
            ("16Mi", 1 << 24),
            ("16mi", 1 << 24),
            ("16MiB", 1 << 24),
            ("1.5Mi", 3 << 19),
            ("1G", 1_000_000_000),
            ("1Gi", 1 << 30),
            ("1024Mi", 1 << 30),
            ("1Mi512Ki", 3 << 19),
        ] {
            let ring = ring_size(text).expect(text);
            assert_eq!(
                u64::from(ring.bytes),
                u64::next_power_of_two(size),
                "{text}"
            );
            assert_eq!(ring.notice.is_some(), !size.is_power_of_two(), "{text}");
            let of_filter = canonical(text).expect(text);
            assert_eq!(Ok(of_filter), canonical(&size.to_string()), "{text}");
        }
        for text in [
            "", "M", "16Q", "16M16", "4096i", "-4K", "16MiBiB", "4096BB", "1Ki1Ki",
        ] {
            assert!(ring_size(text).is_err(), "{text}");
            assert!(canonical(text).is_err(), "{text}");
        }
        for text in ["0", "1.1Gi", "2G", "16Ti", "99999999999", "16 M"] {
            assert!(ring_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ring_size_rounded_up_gives_a_notice() {
        let notice = |text| ring_size(text).expect(text).notice;
        assert_eq!(notice("16Mi"), None);
        assert_eq!(
            notice("20M").as_deref(),
            Some("--ring-size 20M: rounded up to 32Mi, a power of two")
        );
        assert_eq!(
            notice("1G").as_deref(),
            Some("--ring-size 1G: rounded up to 1Gi, a power of two")
        );
        let page = fields::binary_size(rustix::param::page_size() as u64);
        assert_eq!(
            notice("1"),
            Some(format!(
                "--ring-size 1: rounded up to {page}, a page of memory"
            ))
        );
        assert_eq!(read("tcplife").expect("flags").ring_size.bytes, 1 << 24);
    }
}
