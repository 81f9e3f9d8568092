//! The configuration file: one row of [`SETTINGS`] is a setting, its explanation and its default.
//!
//! Reads the file and reports errors with line and column. The command line (`cli`) takes precedence.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::host::bounded_file::read_at_most;
use crate::model::fields;
use crate::model::findings::{THRESHOLDS, Thresholds};
use crate::text::suggest::suggest;
use crate::text::units;
use crate::ui::keys::{KEYS, KeyPress, Keymap, current_name};
use crate::ui::layout::panes::TalkersBelow;
use crate::ui::state::columns;
pub use crate::ui::state::columns::ColumnList;
use crate::ui::theme;
use crate::ui::theme::own_colors::{COLOR_NAMES, OwnColor, parse_color, style_by_name};
use crate::ui::theme::{NamedTheme, STYLES, THEMES};

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Initial columns of the dashboard; `None`: those chosen last, or as many as fit.
    pub columns: Option<ColumnList>,
    /// `None`: chosen for the terminal.
    pub theme: Option<&'static NamedTheme>,
    /// Colors of styles, instead of those of the theme.
    pub colors: Vec<OwnColor>,
    /// The refresh interval.
    pub interval: Duration,
    /// Number of closed sessions to keep.
    pub keep: usize,
    /// How far the black box reaches back at most.
    pub black_box: Duration,
    /// Memory that it takes at most, bytes; 0: there is none.
    pub black_box_memory: u64,
    /// Clicks and the wheel go to the dashboard instead of the terminal.
    pub mouse: bool,
    /// A connection within the host has one line.
    pub local_pairs: bool,
    /// Count the packets that the kernel drops.
    pub drops: bool,
    pub talkers: TalkersBelow,
    /// A click on a cell copies its value.
    pub click_copies: bool,
    pub keymap: Keymap,
    /// Thresholds of findings.
    pub thresholds: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            columns: None,
            theme: None,
            colors: Vec::new(),
            interval: Duration::from_secs(1),
            keep: 100_000,
            black_box: Duration::from_secs(600),
            black_box_memory: 64_000_000,
            mouse: true,
            local_pairs: true,
            drops: true,
            talkers: TalkersBelow::default(),
            click_copies: true,
            keymap: Keymap::default(),
            thresholds: Thresholds::default(),
        }
    }
}

pub struct Setting {
    /// Its key in the file.
    pub name: &'static str,
    /// The explanation, in lines of a comment.
    pub help: fn() -> Vec<String>,
    /// The value in a configuration, as TOML.
    get: fn(&Config) -> String,
    /// Sets the value; an error lists what is accepted.
    set: fn(&mut Config, &DeValue<'_>) -> Result<(), Wrong>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Setting({})", self.name)
    }
}

/// The value of a setting that is not set.
const AUTO: &str = "auto";

/// Every setting except the tables.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "columns",
        help: || {
            let words: Vec<&str> = fields::columns().map(|(f, _)| f.word).collect();
            let mut lines = vec![
                "Columns of the session table, in order, like [\"comm\", \"raddr\", \"status\"]. \"auto\": the columns that were"
                    .into(),
                "chosen with the key `columns` in an earlier run, else as many as fit. Available columns:".into(),
            ];
            lines.extend(lines_of(&words));
            lines
        },
        get: |config| match &config.columns {
            None => quoted(AUTO),
            Some(list) => array(list.iter().map(|f| f.word)),
        },
        set: |config, value| {
            config.columns = match value {
                DeValue::String(s) if s == AUTO => None,
                DeValue::Array(words) if !words.is_empty() => {
                    let mut list = ColumnList::new();
                    for word in words {
                        list.push(column(word, &list)?);
                    }
                    Some(list)
                }
                _ => {
                    return Err(Wrong::takes(
                        "\"auto\" or a list like [\"comm\", \"raddr\"]",
                        value,
                    ));
                }
            };
            Ok(())
        },
    },
    Setting {
        name: "theme",
        help: || {
            let mut lines = vec![
                "\"auto\": light or dark by the terminal's background, else light if COLORFGBG says so, monochrome if TERM has no"
                    .into(),
                "colors. NO_COLOR takes precedence over this setting, and --theme over NO_COLOR. Available themes:".into(),
            ];
            lines.extend(
                THEMES
                    .iter()
                    .map(|t| format!("  {:<14} {}", t.name, t.help)),
            );
            lines
        },
        get: |config| quoted(config.theme.map_or(AUTO, |t| t.name)),
        set: |config, value| {
            let names: Vec<&str> = theme::names().collect();
            config.theme = match value.as_str() {
                Some(AUTO) => None,
                Some(name) => Some(
                    theme::by_name(name).ok_or_else(|| Wrong::unknown("theme", name, &names))?,
                ),
                None => return Err(Wrong::takes("the name of a theme", value)),
            };
            Ok(())
        },
    },
    Setting {
        name: "interval",
        help: || vec!["Refresh interval of the dashboard, from 100ms to 1h.".into()],
        get: |config| quoted(&units::duration_text(config.interval)),
        set: |config, value| {
            let text = value
                .as_str()
                .ok_or_else(|| Wrong::takes("a time like \"1s\" or \"500ms\"", value))?;
            config.interval = units::interval(text).map_err(Wrong::new)?;
            Ok(())
        },
    },
    Setting {
        name: "keep",
        help: || vec!["Number of closed sessions that the dashboard keeps.".into()],
        get: |config| config.keep.to_string(),
        set: |config, value| {
            let number = value.as_integer();
            let number = number.and_then(|n| usize::from_str_radix(n.as_str(), n.radix()).ok());
            config.keep = number.ok_or_else(|| Wrong::takes("a whole number, 0 or more", value))?;
            Ok(())
        },
    },
    Setting {
        name: "black-box",
        help: || {
            vec!["How far one can look back in the dashboard, if black-box-memory is enough for that.".into()]
        },
        get: |config| quoted(&units::duration_text(config.black_box)),
        set: |config, value| {
            let text = value
                .as_str()
                .ok_or_else(|| Wrong::takes("a time like \"10m\"", value))?;
            config.black_box = units::duration(text).map_err(Wrong::new)?;
            Ok(())
        },
    },
    Setting {
        name: "black-box-memory",
        help: || {
            vec!["Memory for looking back, from which the oldest is dropped. \"0\": the dashboard does not look back.".into()]
        },
        get: |config| quoted(&size_text(config.black_box_memory)),
        set: |config, value| {
            let size = value
                .as_str()
                .and_then(|text| units::scaled(text, units::SIZES, None).ok());
            config.black_box_memory =
                size.ok_or_else(|| Wrong::takes("a size like \"64MB\", or \"0\"", value))?;
            Ok(())
        },
    },
    Setting {
        name: "mouse",
        help: || {
            vec!["Use the mouse in the dashboard. false: leave it to the terminal, so that it can select text.".into()]
        },
        get: |config| config.mouse.to_string(),
        set: |config, value| {
            config.mouse = value
                .as_bool()
                .ok_or_else(|| Wrong::takes("true or false", value))?;
            Ok(())
        },
    },
    Setting {
        name: "local-pairs",
        help: || {
            vec![
                "Show a connection within this host on one line, and count it once. false: each of its ends."
                    .into(),
            ]
        },
        get: |config| config.local_pairs.to_string(),
        set: |config, value| {
            config.local_pairs = value
                .as_bool()
                .ok_or_else(|| Wrong::takes("true or false", value))?;
            Ok(())
        },
    },
    Setting {
        name: "drops",
        help: || {
            vec![
                "Count the packets that this host drops. false: do not, which saves up to 1 µs for each."
                    .into(),
            ]
        },
        get: |config| config.drops.to_string(),
        set: |config, value| {
            config.drops = value
                .as_bool()
                .ok_or_else(|| Wrong::takes("true or false", value))?;
            Ok(())
        },
    },
    Setting {
        name: "click-copies",
        help: || {
            vec![
                "A click on a cell of the selected session copies its value to the terminal's clipboard, and a double".into(),
                "click opens it. false: no click copies, and a second one opens.".into(),
            ]
        },
        get: |config| config.click_copies.to_string(),
        set: |config, value| {
            config.click_copies = value
                .as_bool()
                .ok_or_else(|| Wrong::takes("true or false", value))?;
            Ok(())
        },
    },
    Setting {
        name: "talkers",
        help: || {
            vec![
                "Top talkers below the sessions. \"strip\": panes in a window of 30 lines or more, else a strip of three lines;".into(),
                "\"panes\": without the strip; \"off\": only where Tab goes.".into(),
            ]
        },
        get: |config| {
            let mut named = TalkersBelow::NAMED.iter();
            let named = named.find(|(_, below)| *below == config.talkers);
            quoted(named.map_or("", |(name, _)| name))
        },
        set: |config, value| {
            let names = TalkersBelow::NAMED.map(|(name, _)| name);
            let name = value
                .as_str()
                .ok_or_else(|| Wrong::takes("\"strip\", \"panes\" or \"off\"", value))?;
            let named = TalkersBelow::NAMED.iter().find(|(n, _)| *n == name);
            let (_, below) =
                named.ok_or_else(|| Wrong::unknown("kind of top talkers", name, &names))?;
            config.talkers = *below;
            Ok(())
        },
    },
];

/// Formats a size so that the file's setting reads it back.
fn size_text(bytes: u64) -> String {
    match bytes {
        0 => "0".into(),
        bytes if bytes.is_multiple_of(1_000_000) => format!("{}MB", bytes / 1_000_000),
        bytes => format!("{bytes}B"),
    }
}

/// The TOML table of key bindings.
const KEYS_TABLE: &str = "keys";
/// The TOML table of colors.
const COLORS_TABLE: &str = "colors";
/// The TOML table of thresholds.
const FINDINGS_TABLE: &str = "findings";

/// An error in a value, with its position if only a part is wrong.
#[derive(Debug)]
struct Wrong {
    message: String,
    span: Option<Range<usize>>,
}

impl Wrong {
    fn new(message: String) -> Self {
        Wrong {
            message,
            span: None,
        }
    }

    fn takes(what: &str, value: &DeValue<'_>) -> Self {
        Wrong::new(format!("must be {what}, not {}", kind(value)))
    }

    fn unknown(what: &str, name: &str, names: &[&str]) -> Self {
        // some actions have a key for each place
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        let near = suggest(name, unique.into_iter());
        let hint = match near.as_slice() {
            [] if names.len() > 20 => "; --print-config lists them".to_owned(),
            [] => format!("; use one of {}", names.join(", ")),
            near => format!("; did you mean `{}`?", near.join("` or `")),
        };
        Wrong::new(format!("unknown {what} `{}`{hint}", visible(name)))
    }

    fn at(self, span: Range<usize>) -> Self {
        Wrong {
            span: Some(span),
            ..self
        }
    }
}

/// An error that leaves no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists or is required, but cannot be read.
    #[error("cannot read the configuration {}: {source}", .file.display())]
    Read {
        file: PathBuf,
        source: std::io::Error,
    },
    /// The file has an error.
    #[error("{}:{line}:{column}: {message}", .file.display())]
    Wrong {
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Character in the line, from 1.
        column: usize,
        /// The key, and the error in it.
        message: String,
    },
}

/// Path of the configuration by the XDG base directory specification: in `$XDG_CONFIG_HOME`, or `~/.config`.
pub fn usual_file(config_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: Option<PathBuf>| path.filter(|p| p.is_absolute());
    let folder = absolute(config_home).or_else(|| Some(absolute(home)?.join(".config")));
    folder.map(|f| f.join("tcplife/config.toml"))
}

/// Maximum size of the configuration.
const LARGEST: u64 = 1 << 20;

impl Config {
    /// Reads an opened file.
    ///
    /// # Errors
    /// If it cannot be read or has an error.
    pub fn read(file: &Path, opened: std::io::Result<fs::File>) -> Result<Self, ConfigError> {
        let bytes = opened.and_then(|opened| read_at_most(opened, LARGEST));
        Config::of_file(file, bytes)
    }

    /// Takes what was read of a file.
    fn of_file(file: &Path, bytes: std::io::Result<Vec<u8>>) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Read {
            file: file.into(),
            source,
        };
        let bytes = bytes.map_err(failed)?;
        let wrong = |text: &str, at: usize, message: String| {
            let before = text.get(..at).unwrap_or(text);
            let line = before.rsplit('\n').next().unwrap_or_default();
            ConfigError::Wrong {
                file: file.into(),
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
                message,
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => Config::parse(&text).map_err(|e| wrong(&text, e.at, e.message)),
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(e.as_bytes());
                Err(wrong(&text, at, "not valid UTF-8".into()))
            }
        }
    }

    /// Reads the default file as it was opened; without one, every setting has its default.
    ///
    /// # Errors
    /// The same as for [`Config::read`], but a missing or unreadable file is not an error.
    pub fn read_usual(file: &Path, opened: std::io::Result<fs::File>) -> Result<Self, ConfigError> {
        match Config::read(file, opened) {
            // an unreadable file belongs to someone else, for example if HOME is still another user's
            Err(ConfigError::Read { source, .. })
                if matches!(
                    source.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
                ) =>
            {
                Ok(Config::default())
            }
            other => other,
        }
    }

    /// Parses the text of a configuration.
    ///
    /// # Errors
    /// The first error.
    fn parse(text: &str) -> Result<Self, Mistake> {
        let table = DeTable::parse(text).map_err(|e| Mistake {
            at: e.span().map_or(0, |s| s.start),
            message: e.message().to_owned(),
        })?;
        let mut config = Config::default();
        let mut mistakes = Vec::new();
        for (key, value) in table.get_ref() {
            let name: &str = key.get_ref();
            let result = match (SETTINGS.iter().find(|s| s.name == name), value.get_ref()) {
                (Some(setting), value) => (setting.set)(&mut config, value),
                (None, DeValue::Table(keys)) if name == KEYS_TABLE => {
                    mistakes.extend(config.bind(keys));
                    continue;
                }
                (None, DeValue::Table(colors)) if name == COLORS_TABLE => {
                    mistakes.extend(config.color(colors));
                    continue;
                }
                (None, DeValue::Table(thresholds)) if name == FINDINGS_TABLE => {
                    mistakes.extend(config.limit(thresholds));
                    continue;
                }
                (None, value) if [KEYS_TABLE, COLORS_TABLE, FINDINGS_TABLE].contains(&name) => {
                    Err(Wrong::takes("a table", value))
                }
                (None, _) => {
                    let names = SETTINGS.iter().map(|s| s.name);
                    let names = names.chain([COLORS_TABLE, FINDINGS_TABLE, KEYS_TABLE]);
                    let names: Vec<&str> = names.collect();
                    Err(Wrong::unknown("setting", name, &names).at(key.span()))
                }
            };
            mistakes.extend(
                result
                    .err()
                    .map(|wrong| Mistake::new(name, value.span(), wrong)),
            );
        }
        match mistakes.into_iter().min_by_key(|m| m.at) {
            Some(first) => Err(first),
            None => Ok(config),
        }
    }

    /// Takes the colors, in the order of the styles.
    fn color(&mut self, table: &DeTable<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (name, value) in table {
            match own_color(name, value.get_ref()) {
                Ok(color) => self.colors.push(color),
                Err(wrong) => mistakes.push(Mistake::new(name.get_ref(), value.span(), wrong)),
            }
        }
        let place = |own: &OwnColor| STYLES.iter().position(|s| s.name == own.style.name);
        self.colors.sort_by_key(place);
        mistakes
    }

    /// Takes the thresholds of findings.
    fn limit(&mut self, table: &DeTable<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (name, value) in table {
            let number = threshold(name, value.get_ref());
            match number {
                Ok(number) => {
                    self.thresholds.set(name.get_ref(), number);
                }
                Err(wrong) => mistakes.push(Mistake::new(name.get_ref(), value.span(), wrong)),
            }
        }
        mistakes
    }

    /// Applies the key bindings.
    fn bind(&mut self, table: &DeTable<'_>) -> Option<Mistake> {
        let mut mistakes = Vec::new();
        for (name, value) in table {
            let bound = presses(name, value.get_ref());
            match bound {
                Ok(presses) => self.keymap.bind(current_name(name.get_ref()), &presses),
                Err(wrong) => mistakes.push(Mistake::new(name.get_ref(), value.span(), wrong)),
            }
        }
        let first = mistakes.into_iter().min_by_key(|m| m.at);
        let named = |name: &str| {
            table
                .iter()
                .find(|(n, _)| current_name(n.get_ref()) == name)
        };
        first.or_else(|| {
            // a key that the file binds is removed from a row that the file does not name, if that row has another key
            let (press, a, b) = loop {
                let (press, a, b) = self.keymap.conflict()?;
                let is_freed = match (named(a), named(b)) {
                    (Some(_), None) => self.keymap.unbind(b, press),
                    (None, Some(_)) => self.keymap.unbind(a, press),
                    _ => false,
                };
                if !is_freed {
                    break (press, a, b);
                }
            };
            // the one further down in the file is the extra one
            let by_place = |(name, _): &(&Spanned<_>, _)| name.span().start;
            let (name, value) = [a, b].into_iter().filter_map(named).max_by_key(by_place)?;
            let other = if current_name(name.get_ref()) == a {
                b
            } else {
                a
            };
            let message = format!(
                "{} is already bound to `{other}`; bind one of the two to another key",
                press.name()
            );
            Some(Mistake::new(
                name.get_ref(),
                value.span(),
                Wrong::new(message),
            ))
        })
    }

    /// A configuration file of these settings, with comments.
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Configuration of tcplife, read from $XDG_CONFIG_HOME/tcplife/config.toml, else from\n# ~/.config/tcplife/config.toml. Flags take precedence. Every setting is optional.\n",
        );
        for setting in SETTINGS {
            text += "\n";
            for line in (setting.help)() {
                text += &format!("# {line}\n");
            }
            text += &format!("{} = {}\n", setting.name, (setting.get)(self));
        }
        text += &format!(
            "\n# Colors: for a style, a color instead of the theme's, in every theme but monochrome. A color is one of the terminal's\n# sixteen, a number of the 256, or like \"#ff5555\". A background goes after \"on\": \"black on #ff5555\". Names of colors:\n{}\n# Styles:\n",
            commented(&COLOR_NAMES)
        );
        for style in STYLES {
            text += &format!("#   {:<14} {}\n", style.name, style.help);
        }
        text += &format!("[{COLORS_TABLE}]\n");
        for own in &self.colors {
            text += &format!("{} = {}\n", own.style.name, quoted(&own.text));
        }
        text += &format!(
            "\n# Thresholds of findings, which the key `findings` and --findings show: numbers.\n[{FINDINGS_TABLE}]\n"
        );
        for threshold in THRESHOLDS {
            let line = format!(
                "{} = {}",
                threshold.name,
                self.thresholds.of(threshold.name)
            );
            let unit = match threshold.unit {
                "" => String::new(),
                unit => format!("{unit}: "),
            };
            text += &format!("{line:<24} # {unit}{}\n", threshold.help);
        }
        text += &format!(
            "\n# Keys: a list for each action, with at least one key. A key is a character, ^A to ^Z, F1 to F12, Space, Enter,\n# Tab, Shift-Tab, Esc, Backspace, Delete, Insert, Home, End, PgUp, PgDn, Up, Down, Left or Right.\n[{KEYS_TABLE}]\n"
        );
        for (i, row) in self.keymap.all().iter().enumerate() {
            let name = row.key.name;
            if KEYS[..i].iter().all(|k| k.name != name) {
                let keys: Vec<String> = row.presses.iter().map(|p| p.name()).collect();
                let line = format!("{name} = {}", array(keys.iter().map(String::as_str)));
                text += &format!("{line:<44} # {}\n", row.key.help);
            }
        }
        text
    }
}

/// An error and its position in the text.
#[derive(Debug, PartialEq)]
struct Mistake {
    at: usize,
    message: String,
}

impl Mistake {
    fn new(key: &str, span: Range<usize>, wrong: Wrong) -> Self {
        Mistake {
            at: wrong.span.unwrap_or(span).start,
            message: format!("{}: {}", visible(key), wrong.message),
        }
    }
}

/// The field with this word, if it is not in the column list already.
fn column(word: &Spanned<DeValue<'_>>, list: &ColumnList) -> Result<&'static fields::Field, Wrong> {
    let wrong = |wrong: Wrong| wrong.at(word.span());
    let name = word.get_ref().as_str();
    let name = name.ok_or_else(|| wrong(Wrong::takes("a column name", word.get_ref())))?;
    let words: Vec<&str> = fields::columns().map(|(f, _)| f.word).collect();
    match columns::by_word(name) {
        None => Err(wrong(Wrong::unknown("column", name, &words))),
        Some(field) if list.contains(&field) => {
            Err(wrong(Wrong::new(format!("`{name}` is listed twice"))))
        }
        Some(field) => Ok(field),
    }
}

/// Parses the color of a style.
fn own_color(name: &Spanned<impl AsRef<str>>, value: &DeValue<'_>) -> Result<OwnColor, Wrong> {
    let style = name.get_ref().as_ref();
    let names: Vec<&str> = STYLES.iter().map(|s| s.name).collect();
    let unknown = || Wrong::unknown("style", style, &names).at(name.span());
    let style = style_by_name(style).ok_or_else(unknown)?;
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        value => {
            let takes = "a color like \"red\", 196, \"#ff5555\" or \"black on #ff5555\"";
            return Err(Wrong::takes(takes, value));
        }
    };
    let color = |text: &str| {
        let near = suggest(text, COLOR_NAMES.iter().copied());
        let hint = match near.as_slice() {
            [] => "; use a name like red, a number from 0 to 255, or like #ff5555".to_owned(),
            near => format!("; did you mean `{}`?", near.join("` or `")),
        };
        let unknown = || Wrong::new(format!("unknown color `{}`{hint}", visible(text)));
        parse_color(text).ok_or_else(unknown)
    };
    let (foreground, background) = match text.split_once(" on ") {
        Some((foreground, background)) => (foreground, Some(background)),
        None => (text.as_str(), None),
    };
    Ok(OwnColor {
        style,
        foreground: color(foreground.trim())?,
        background: background.map(|b| color(b.trim())).transpose()?,
        text: text.clone(),
    })
}

/// Parses a threshold.
fn threshold(name: &Spanned<impl AsRef<str>>, value: &DeValue<'_>) -> Result<f64, Wrong> {
    let key = name.get_ref().as_ref();
    let names: Vec<&str> = THRESHOLDS.iter().map(|t| t.name).collect();
    if !names.contains(&key) {
        return Err(Wrong::unknown("threshold", key, &names).at(name.span()));
    }
    let number = match value {
        DeValue::Integer(n) => u32::from_str_radix(n.as_str(), n.radix())
            .ok()
            .map(f64::from),
        DeValue::Float(n) => n.as_str().parse().ok(),
        _ => None,
    };
    let number = number.filter(|n| n.is_finite() && *n >= 0.0);
    number.ok_or_else(|| Wrong::takes("a number, 0 or more", value))
}

/// Parses the keys for a binding.
fn presses(name: &Spanned<impl AsRef<str>>, value: &DeValue<'_>) -> Result<Vec<KeyPress>, Wrong> {
    let meaning = current_name(name.get_ref().as_ref());
    let names: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
    if !names.contains(&meaning) {
        return Err(Wrong::unknown("action", meaning, &names).at(name.span()));
    }
    let is_typed = KEYS
        .iter()
        .any(|k| k.name == meaning && k.is_in(crate::ui::action::Mode::Prompt));
    let one = |text: &str| {
        let press = KeyPress::parse(text).ok_or_else(|| {
            Wrong::new(format!(
                "unknown key `{}`; use a character, ^A to ^Z, F1 to F12, or a name like Space, Enter, Esc, PgDn",
                visible(text)
            ))
        })?;
        // that one is for an empty prompt only
        if is_typed && press.is_text() && meaning != "language" {
            return Err(Wrong::new(format!(
                "`{}` is text in the prompt and cannot be bound there",
                press.name()
            )));
        }
        Ok(press)
    };
    let takes = |value| Wrong::takes("a key like \"s\" or a list like [\"s\", \"F6\"]", value);
    match value {
        DeValue::String(text) => Ok(vec![one(text)?]),
        DeValue::Array(keys) if !keys.is_empty() => keys
            .iter()
            .map(|key| {
                let text = key.get_ref().as_str();
                let press = text.ok_or_else(|| takes(key.get_ref())).and_then(one);
                press.map_err(|wrong| wrong.at(key.span()))
            })
            .collect(),
        value => Err(takes(value)),
    }
}

/// The type of a value, for errors.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(n) if n.as_str().starts_with('-') => "a negative number",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(list) if list.is_empty() => "an empty list",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Text of the file made safe for an error: characters that would move a cursor are removed.
fn visible(text: &str) -> String {
    crate::text::sanitize::sanitize(text)
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts.map(quoted).collect();
    format!("[{}]", quoted.join(", "))
}

/// Words in lines of a comment.
fn commented(words: &[&str]) -> String {
    let lines: Vec<String> = lines_of(words).iter().map(|l| format!("# {l}")).collect();
    lines.join("\n")
}

/// Wraps words into comment lines.
fn lines_of(words: &[&str]) -> Vec<String> {
    let mut lines = vec![String::from(" ")];
    for word in words {
        if lines.last().is_some_and(|l| l.len() + word.len() > 110) {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            *line += &format!(" {word}");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let folder = std::env::temp_dir().join(format!("tcplife-config-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(format!(
            "{:x}.toml",
            text.len() * 1000 + text.matches('e').count()
        ));
        fs::write(&file, text).expect("writing");
        let error = Config::read(&file, fs::File::open(&file))
            .expect_err(text)
            .to_string();
        let _ = fs::remove_dir_all(&folder);
        error
            .split_once(".toml:")
            .expect("the file's name")
            .1
            .to_owned()
    }

    #[test]
    fn config_default_printed_and_parsed_is_the_default() {
        let text = Config::default().to_toml();
        insta::assert_snapshot!(text);
        assert_eq!(Config::parse(&text), Ok(Config::default()));
        assert_eq!(Config::parse(""), Ok(Config::default()));
        assert!(text.lines().all(|l| l.chars().count() <= 120), "{text}");
    }

    #[test]
    fn config_written_and_parsed_is_unchanged() {
        let text = "columns = ['comm', 'raddr']\ntheme = 'light'\ninterval = '1m30s'\nkeep = 1_000\n\
                    [colors]\nalarm = 'black on #ff5555'\nclosed = 245\nheading = 'Light Red'\n\
                    [keys]\nsort-next = ['F6', '\"']\nquit = '\\'\naccept = ['Enter', '^O']\n";
        let config = Config::parse(text).expect("a configuration");
        assert_eq!(config.columns.as_ref().map(Vec::len), Some(2));
        assert_eq!(config.theme.map(|t| t.name), Some("light"));
        assert_eq!(config.interval, Duration::from_secs(90));
        assert_eq!(config.keep, 1000);
        assert_ne!(config.keymap, Keymap::default());
        let names: Vec<&str> = config.colors.iter().map(|c| c.style.name).collect();
        assert_eq!(names, ["heading", "closed", "alarm"]);
        assert_eq!(Config::parse(&config.to_toml()), Ok(config));
    }

    #[test]
    fn config_errors_give_position_and_valid_values() {
        let lines: Vec<String> = [
            "themes = 1",
            "teme = 'dark'",
            "theme = 'drak'",
            "theme = 'pink'",
            "theme = 3",
            "theme =",
            "theme = 'dark'\ntheme = 'light'",
            "keep = 10\ncolumns = ['pid',\n  'radr']",
            "columns = []",
            "columns = 'all'",
            "columns = ['tx', 'tx']",
            "columns = ['addr']",
            "columns = [true]",
            "interval = '1ms'",
            "interval = 1",
            "interval = '5sec'",
            "keep = -1",
            "keep = 1.5",
            "keys = 1",
            "[keys]\nsort = 's'",
            "[keys]\nsort-nxt = 's'",
            "[keys]\nsort-next = 'e'",
            "[keys]\nsort-next = 'x'\ninvert = ['I', 'x']",
            "[keys]\nsort-next = ['s', 'Ctrl-S']",
            "[keys]\nsort-next = []",
            "[keys]\nsort-next = 1970-01-01",
            "[keys]\naccept = 'x'",
            "[mouse]\non = true",
            "colors = 'red'",
            "[colors]\nclose = 'red'",
            "[colors]\nbackground = 'red'",
            "[colors]\nclosed = 'gren'",
            "[colors]\nclosed = 'ultraviolet'",
            "[colors]\nclosed = '#ff555'",
            "[colors]\nclosed = 256",
            "[colors]\nclosed = -1",
            "[colors]\nclosed = 'reset'",
            "[colors]\nclosed = 'red on'",
            "[colors]\nclosed = \"red on \\u001b[2J\"",
            "[colors]\nclosed = ['red']",
            "theme = \"\\u001b[2J\"",
            "findings = 3",
            "[findings]\nrefusin = 3",
            "[findings]\nrefusing = -3",
            "[findings]\nrefusing = nan",
            "[findings]\nrefusing = '20 %'",
        ]
        .iter()
        .map(|text| format!("{}\n    {}", text.replace('\n', "\n  "), error(text)))
        .collect();
        assert!(!lines.iter().any(|l| l.contains('\x1b')));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn config_that_is_not_utf8_is_rejected_with_position() {
        let file = std::env::temp_dir().join(format!("tcplife-not-text-{}", std::process::id()));
        fs::write(&file, b"keep = 1\n# \xff\n").expect("writing");
        let error = Config::read(&file, fs::File::open(&file))
            .expect_err("it is wrong")
            .to_string();
        fs::remove_file(&file).expect("cleaning up");
        assert!(error.ends_with(":2:3: not valid UTF-8"), "{error}");
    }

    #[test]
    fn config_key_binding_takes_the_key_from_actions_not_in_the_file() {
        // in version 0.1 neither key meant anything else where these rows are in force
        for text in [
            "[keys]\ncolumns = ['F10']\nquit = ['q']\n",
            "[keys]\nquit = ['Q']\ngroup = ['q']\n",
        ] {
            let config = Config::parse(text).expect(text);
            assert_eq!(config.keymap.conflict(), None);
        }
        let error = Config::parse("[keys]\nsort-next = 'e'").expect_err("the only key of `export`");
        assert!(error.message.contains("export"), "{error:?}");
    }

    #[test]
    fn config_path_follows_the_xdg_specification() {
        let path = |config: Option<&str>, home: Option<&str>| {
            usual_file(config.map(Into::into), home.map(Into::into))
        };
        let of = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path(Some("/c"), Some("/h")), of("/c/tcplife/config.toml"));
        assert_eq!(
            path(Some("c"), Some("/h")),
            of("/h/.config/tcplife/config.toml")
        );
        assert_eq!(path(None, None), None);
    }
}
