//! Completion on the command line of a shell.
//!
//! The scripts of `--generate` run the program with [`VARIABLE`] set, and the words up to the cursor as arguments.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::CommandFactory as _;
use clap_complete::engine::{CompletionCandidate, complete as complete_words};

use crate::cli::Cli;
use crate::filter;
use crate::output::columns::LineColumn;

/// Variable of the environment that asks for completions instead of a run.
pub const VARIABLE: &str = "TCPLIFE_COMPLETE";

/// Returns the completions that a shell asks for, one a line: a whole word, a tab, and its explanation. `None` if this is
/// an ordinary run.
///
/// # Errors
/// If the words are not those of a command line.
pub fn requested(args: impl IntoIterator<Item = OsString>) -> Option<io::Result<String>> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty())?;
    let words = args.into_iter().skip_while(|word| word != "--").skip(1);
    Some(lines(words.collect()))
}

/// Completes the last word.
fn lines(words: Vec<OsString>) -> io::Result<String> {
    let Some(last) = words.len().checked_sub(1) else {
        return Ok(String::new());
    };
    let directory = std::env::current_dir().ok();
    let mut command = Cli::command();
    let mut text = String::new();
    for candidate in complete_words(&mut command, words, last, directory.as_deref())? {
        // a name that is not UTF-8, or has a line break, cannot be passed as a line
        let Some(word) = candidate.get_value().to_str() else {
            continue;
        };
        if word.contains(['\n', '\t']) {
            continue;
        }
        let help = candidate.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default().replace(['\n', '\t'], " ");
        text += &format!("{word}\t{help}\n");
    }
    Ok(text)
}

/// Completes the filter of `-f`: its last word, with everything that is before it.
pub fn filters(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = current.to_str() else {
        return Vec::new();
    };
    let found = filter::complete(text, text.len(), &|_| Vec::new());
    let before = text.get(..found.span.start).unwrap_or_default();
    let candidates = found.candidates.into_iter();
    candidates
        .map(|c| CompletionCandidate::new(format!("{before}{}", c.text)).help(described(c.help)))
        .collect()
}

/// Completes the list of `--columns`: its last column, without those that are in it.
pub fn columns(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = current.to_str() else {
        return Vec::new();
    };
    let (before, last) = text.split_at(text.rfind(',').map_or(0, |comma| comma + 1));
    let listed: Vec<&str> = before.split(',').collect();
    let all = LineColumn::selectable().map(|c| (c.word(), c.help()));
    let list = [("help", "list all columns")].into_iter();
    let list = list.filter(|_| before.is_empty());
    all.chain(list)
        .filter(|(word, _)| word.starts_with(last) && !listed.contains(word))
        .map(|(word, help)| {
            CompletionCandidate::new(format!("{before}{word}")).help(described(help))
        })
        .collect()
}

/// The explanation of a candidate, if it has one.
fn described(help: &'static str) -> Option<clap::builder::StyledStr> {
    (!help.is_empty()).then(|| help.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(words: &[&str]) -> Vec<String> {
        let lines = lines(words.iter().map(OsString::from).collect()).expect("words");
        let word = |line: &str| line.split_once('\t').expect("a tab").0.to_owned();
        lines.lines().map(word).collect()
    }

    #[test]
    fn completion_of_a_filter_keeps_what_is_before_the_word() {
        assert_eq!(
            at(&["tcplife", "-f", "port 443 and reason re"]),
            [
                "port 443 and reason remote-fin",
                "port 443 and reason remote-reset",
                "port 443 and reason refused"
            ]
        );
        assert_eq!(at(&["tcplife", "--filter", "prev"]), [""; 0]);
        assert_eq!(at(&["tcplife", "-f", "preex"]), ["preexisting"]);
        assert_eq!(at(&["tcplife", "--filter=preex"]), ["--filter=preexisting"]);
    }

    #[test]
    fn completion_of_columns_leaves_out_those_listed() {
        assert_eq!(at(&["tcplife", "--columns", "comm,rad"]), ["comm,raddr"]);
        assert_eq!(at(&["tcplife", "--columns", "raddr,rad"]), [""; 0]);
        assert_eq!(at(&["tcplife", "--columns", "hel"]), ["help"]);
        assert_eq!(at(&["tcplife", "--columns", "comm,hel"]), [""; 0]);
    }

    #[test]
    fn completion_of_flags_and_of_their_values() {
        assert_eq!(at(&["tcplife", "--snap"]), ["--snapshots"]);
        assert_eq!(at(&["tcplife", "-o", "js"]), ["json"]);
        assert_eq!(at(&["tcplife", "--generate", "z"]), ["zsh"]);
        assert!(at(&["tcplife", "--theme", ""]).contains(&"dark".to_owned()));
        assert_eq!(at(&[]), [""; 0]);
    }
}
