//! Reads the configuration file, and reports errors with line and column.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::host::bounded_file::read_at_most;
use crate::model::findings::THRESHOLDS;
use crate::text::suggest::suggest;
use crate::ui::config::{COLORS_TABLE, Config, FINDINGS_TABLE, KEYS_TABLE, SETTINGS};
use crate::ui::keys::{KEYS, KeyPress, current_name};
use crate::ui::theme::STYLES;
use crate::ui::theme::own_colors::{COLOR_NAMES, OwnColor, parse_color, style_by_name};

/// An error in a value, with its position if only a part is wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    message: String,
    span: Option<Range<usize>>,
}

impl Wrong {
    pub(super) fn new(message: String) -> Self {
        Wrong {
            message,
            span: None,
        }
    }

    pub(super) fn takes(what: &str, value: &DeValue<'_>) -> Self {
        Wrong::new(format!("must be {what}, not {}", kind(value)))
    }

    pub(super) fn unknown(what: &str, name: &str, names: &[&str]) -> Self {
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

    pub(super) fn at(self, span: Range<usize>) -> Self {
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
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
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
}

/// An error and its position in the text.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    at: usize,
    pub(super) message: String,
}

impl Mistake {
    fn new(key: &str, span: Range<usize>, wrong: Wrong) -> Self {
        Mistake {
            at: wrong.span.unwrap_or(span).start,
            message: format!("{}: {}", visible(key), wrong.message),
        }
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
