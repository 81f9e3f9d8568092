//! The configuration file: one row of [`SETTINGS`] is a setting, its explanation and its default.
//!
//! The command line (`cli`) takes precedence.

mod read;

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use crate::model::fields;
use crate::model::findings::{THRESHOLDS, Thresholds};
use crate::text::units;
use crate::ui::keys::{KEYS, Keymap};
use crate::ui::layout::panes::TalkersBelow;
use crate::ui::state::columns;
pub use crate::ui::state::columns::ColumnList;
use crate::ui::theme;
use crate::ui::theme::own_colors::{COLOR_NAMES, OwnColor};
use crate::ui::theme::{NamedTheme, STYLES, THEMES};
use read::Wrong;

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

/// Path of the configuration by the XDG base directory specification: in `$XDG_CONFIG_HOME`, or `~/.config`.
pub fn usual_file(config_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: Option<PathBuf>| path.filter(|p| p.is_absolute());
    let folder = absolute(config_home).or_else(|| Some(absolute(home)?.join(".config")));
    folder.map(|f| f.join("tcplife/config.toml"))
}

impl Config {
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
    use std::fs;

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
