//! Commands that fingers type after `:`, as in vim and less.

use crate::model::fields;
use crate::model::fields::Field;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    Quit,
    Help,
    Export,
    /// Sort by this field.
    Sort(&'static Field),
    /// Choose what to sort by.
    SortMenu,
    /// Go to this line of the sessions, from 1.
    Line(usize),
    /// Nothing was typed.
    Nothing,
}

/// Commands of one word.
static COMMANDS: [(&[&str], Command); 5] = [
    (&["q", "qa", "quit", "exit"], Command::Quit),
    (&["h", "help"], Command::Help),
    (&["w", "write", "save", "export"], Command::Export),
    (&["sort"], Command::SortMenu),
    (&[""], Command::Nothing),
];

/// Commands of vim that would make believe that something was saved.
const WRITE_AND_QUIT: [&str; 5] = ["wq", "wqa", "x", "xa", "wqall"];

/// The commands, for people.
pub const HINT: &str = "q quits, w exports, h helps, sort FIELD sorts, 120 goes to line 120";

impl Command {
    /// Parses a line.
    ///
    /// # Errors
    /// Why it is no command, with what would help.
    pub fn parse(text: &str) -> Result<Command, String> {
        let text = text.trim().trim_start_matches(':').trim();
        let word = text.strip_suffix('!').unwrap_or(text);
        if let Some((_, command)) = COMMANDS.iter().find(|(words, _)| words.contains(&word)) {
            return Ok(*command);
        }
        if WRITE_AND_QUIT.contains(&word) {
            return Err("quitting writes nothing; w exports, then q quits".into());
        }
        if let Ok(line) = word.parse() {
            return Ok(Command::Line(line));
        }
        match text.strip_prefix("sort ").map(str::trim) {
            Some(name) => fields::by_word(name)
                .filter(|field| field.column.is_some())
                .map(Command::Sort)
                .ok_or_else(|| format!("there is no column `{name}`; c lists them")),
            None => Err(format!("`{text}` is no command; / filters, ? helps")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_vim_and_less_are_known() {
        for (text, command) in [
            ("q", Command::Quit),
            ("q!", Command::Quit),
            (":qa", Command::Quit),
            (" 120 ", Command::Line(120)),
            ("help", Command::Help),
            ("sort ", Command::SortMenu),
            ("", Command::Nothing),
        ] {
            assert_eq!(Command::parse(text), Ok(command), "{text}");
        }
        let sort = Command::parse("sort bytes");
        assert!(matches!(sort, Ok(Command::Sort(field)) if field.word == "bytes"));
    }

    #[test]
    fn other_texts_are_refused_with_what_would_help() {
        let wrong = |text| Command::parse(text).expect_err(text);
        assert_eq!(
            wrong(":wq"),
            "quitting writes nothing; w exports, then q quits"
        );
        assert_eq!(wrong("e x"), "`e x` is no command; / filters, ? helps");
        assert_eq!(
            wrong("sort colour"),
            "there is no column `colour`; c lists them"
        );
    }
}
