//! The filter prompt: editing, history, completion, and the filter that the text means.
//!
//! Applying the filter is up to `app`; `history` stores the lines.

use tui_input::InputRequest;

use crate::filter::{Completions, Filter, FilterError, UidOf, complete};
use crate::model::fields::Field;
use crate::ui::action::{Edit, Purpose};
use crate::ui::state::line::Line;

#[derive(Debug)]
pub struct Prompt {
    pub purpose: Purpose,
    line: Line,
    before: Filter,
    state: Result<Filter, FilterError>,
    history: Vec<String>,
    users: UidOf,
    /// Index of the history line shown, and the text typed before.
    recalled: Option<(usize, String)>,
    /// The whole text is selected: typing replaces it, unless what is typed continues it.
    is_selected: bool,
    /// The text that typing has just replaced, while what is typed may turn out to continue it.
    replaced: Option<String>,
    /// Open sessions that the capture filter would drop, and true if these are all; `None`: the text is not valid, or another
    /// filter is typed.
    pub dropped: Option<(usize, bool)>,
    completing: Option<Completing>,
}

/// A completion in progress: the same key selects the next candidate.
#[derive(Debug)]
struct Completing {
    completions: Completions,
    /// The previous text, and its cursor as a byte offset.
    before: (String, usize),
    chosen: Option<usize>,
}

impl Prompt {
    /// Opens the prompt with the current filter, selected.
    pub fn new(purpose: Purpose, filter: &Filter, history: Vec<String>, users: UidOf) -> Self {
        let source = filter.source().trim();
        Prompt {
            purpose,
            is_selected: !source.is_empty(),
            replaced: None,
            dropped: None,
            line: Line::new(source.to_owned()),
            before: filter.clone(),
            state: Ok(filter.clone()),
            history,
            users,
            recalled: None,
            completing: None,
        }
    }

    pub fn line(&self) -> &Line {
        &self.line
    }

    pub fn text(&self) -> &str {
        self.line.text()
    }

    /// True while typing replaces the whole text.
    pub fn is_selected(&self) -> bool {
        self.is_selected
    }

    /// Ends the selection. What is typed next is another word.
    fn keep_selected(&mut self) {
        if std::mem::take(&mut self.is_selected) {
            self.line.edit(InputRequest::GoToEnd);
            self.line.insert(" ");
            self.changed();
        }
    }

    /// The filter that the text means; on an error the last valid one stays in force.
    pub fn state(&self) -> Result<&Filter, &FilterError> {
        self.state.as_ref()
    }

    /// The filter that the complete text means, if it is valid: an unfinished field name becomes a word, and an
    /// unfinished string ends here.
    pub fn finish(&mut self) -> Option<Filter> {
        let entered = Filter::parse_with(self.text().trim_end(), self.users);
        let is_incomplete =
            |state: &Result<Filter, FilterError>| state.as_ref().is_err_and(|e| e.is_incomplete());
        // what was said of it while it was typed says what to write next
        if !is_incomplete(&entered) || !is_incomplete(&self.state) {
            self.state = entered;
        }
        self.state.as_ref().ok().cloned()
    }

    /// The filter that was in force when the prompt was opened.
    pub fn before(&self) -> &Filter {
        &self.before
    }

    /// Completions at the cursor and the index of the inserted one, while completing.
    pub fn candidates(&self) -> Option<(&Completions, Option<usize>)> {
        self.completing.as_ref().map(|c| (&c.completions, c.chosen))
    }

    /// Inserts typed or pasted text. Line ends become spaces; other control characters are dropped. A text that is typed
    /// over the selection and begins with `and` or `or` continues it. False if there was no room for all of it.
    pub fn insert(&mut self, text: &str) -> bool {
        let length = self.text().len();
        if std::mem::take(&mut self.is_selected) {
            self.replaced = Some(self.text().to_owned());
            // as if deleted: it can be inserted again
            self.line.edit(InputRequest::DeleteFromStart);
        }
        let fits = self.line.insert(text) && self.continue_replaced();
        if self.text().len() != length || self.replaced.is_some() {
            self.changed();
        }
        fits
    }

    /// Puts the replaced text before one that continues it, once that is certain. False if there was no room for it.
    fn continue_replaced(&mut self) -> bool {
        match (continuation(self.text()), self.replaced.take()) {
            (Continuation::Maybe, replaced) => self.replaced = replaced,
            (Continuation::Yes(word), Some(replaced)) => {
                let rest = self.text().trim_start();
                // `and` binds more tightly than an `or` of the replaced text
                let before = match (word, self.before.is_alternative()) {
                    ("and" | "&&" | "&", true) => format!("({replaced})"),
                    _ => replaced,
                };
                let whole = format!("{before} {rest}");
                self.line = Line::new(String::new());
                return self.line.insert(&whole);
            }
            _ => {}
        }
        true
    }

    /// Edits the line. `values` returns the values of a field that are on the screen. False if there was no room for it.
    pub fn edit(&mut self, edit: Edit, values: &dyn Fn(&Field) -> Vec<String>) -> bool {
        self.replaced = None;
        match edit {
            Edit::Request(request) => {
                if self.is_selected && deletes(request) {
                    self.is_selected = false;
                    self.line.edit(InputRequest::GoToEnd);
                    self.line.edit(InputRequest::DeleteFromStart);
                    self.changed();
                    return true;
                }
                self.keep_selected();
                let fits = self.line.edit(request);
                self.changed();
                return fits;
            }
            Edit::Older if self.is_selected => {
                // the filter in force is usually the newest of the history
                let newest = self
                    .history
                    .iter()
                    .rposition(|line| line == self.line.text());
                self.keep_selected();
                self.recalled = newest.map(|at| (at, String::new()));
            }
            Edit::Older => {
                let newest = self.history.len();
                let at = self.recalled.as_ref().map_or(newest, |(at, _)| *at);
                if at > 0 {
                    self.recall(at - 1);
                }
            }
            Edit::Newer => {
                if let Some((at, _)) = self.recalled {
                    self.recall(at + 1);
                }
            }
            Edit::Complete => {
                self.keep_selected();
                self.complete(values);
            }
        }
        true
    }

    /// Accepts this line and returns the history, the newest last.
    pub fn into_history(self) -> Vec<String> {
        let text = self.text().trim().to_owned();
        let mut history = self.history;
        if !text.is_empty() {
            history.retain(|line| *line != text);
            history.push(text);
        }
        history
    }

    fn recall(&mut self, at: usize) {
        let typed = match self.recalled.take() {
            Some((_, typed)) => typed,
            None => self.text().to_owned(),
        };
        match self.history.get(at).cloned() {
            Some(line) => {
                self.set(line);
                self.recalled = Some((at, typed));
            }
            None => self.set(typed),
        }
    }

    fn set(&mut self, text: String) {
        self.replaced = None;
        self.line = Line::new(text);
        self.changed();
    }

    fn changed(&mut self) {
        self.recalled = None;
        self.completing = None;
        self.read();
    }

    fn read(&mut self) {
        if self.replaced.is_some() {
            // a filter that is being continued stays in force
            self.state = Ok(self.before.clone());
            return;
        }
        self.state = Filter::parse_typed(self.text(), self.line.cursor(), self.users);
    }

    /// Inserts first the common prefix of all candidates, then each candidate in turn, then the original text.
    fn complete(&mut self, values: &dyn Fn(&Field) -> Vec<String>) {
        let Some(completing) = &mut self.completing else {
            let (text, cursor) = (self.text().to_owned(), self.line.cursor());
            let completions = complete(&text, cursor, values);
            let texts: Vec<&str> = completions
                .candidates
                .iter()
                .map(|c| c.text.as_str())
                .collect();
            let common = common_prefix(&texts).to_owned();
            let single = texts.len() == 1;
            if common.len() > cursor - completions.span.start.min(cursor) {
                let with_space = if single { format!("{common} ") } else { common };
                self.put(&text, &completions.span, &with_space);
            }
            if !single {
                self.completing = Some(Completing {
                    completions,
                    before: (text, cursor),
                    chosen: None,
                });
            }
            return;
        };
        let next = completing.chosen.map_or(0, |i| i + 1);
        completing.chosen = (next < completing.completions.candidates.len()).then_some(next);
        let (text, span) = (
            completing.before.0.clone(),
            completing.completions.span.clone(),
        );
        match completing
            .chosen
            .and_then(|i| completing.completions.candidates.get(i))
        {
            Some(candidate) => {
                let candidate = candidate.text.clone();
                self.put(&text, &span, &candidate);
            }
            None => {
                let cursor = text[..completing.before.1].chars().count();
                self.line = Line::with_cursor(text, cursor);
                self.read();
            }
        }
    }

    /// Replaces `span` of the text; the cursor goes after the replacement.
    fn put(&mut self, text: &str, span: &std::ops::Range<usize>, what: &str) {
        let begin = format!("{}{what}", &text[..span.start]);
        let cursor = begin.chars().count();
        self.line = Line::with_cursor(begin + &text[span.end..], cursor);
        self.read();
    }
}

/// Relation of a text that is typed over the selected filter to that filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Continuation {
    /// It begins with this operator, which continues the filter.
    Yes(&'static str),
    /// It may yet become an operator.
    Maybe,
    /// It replaces the filter.
    No,
}

/// Operators that no filter begins with.
const OPERATORS: [&str; 6] = ["and", "or", "&&", "||", "&", "|"];

fn continuation(text: &str) -> Continuation {
    let text = text.trim_start().to_ascii_lowercase();
    let begins = OPERATORS.iter().find(|word| {
        let rest = text.strip_prefix(**word);
        // a name may begin with the letters of a word
        rest.is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('('))
    });
    match begins {
        Some(word) => Continuation::Yes(word),
        None if OPERATORS.iter().any(|word| word.starts_with(&text)) => Continuation::Maybe,
        None => Continuation::No,
    }
}

/// True for an edit that takes away some of the text.
fn deletes(request: InputRequest) -> bool {
    use InputRequest::*;
    matches!(
        request,
        DeletePrevChar
            | DeleteNextChar
            | DeletePrevWord
            | DeleteNextWord
            | DeleteLine
            | DeleteFromStart
            | DeleteTillEnd
    )
}

fn common_prefix<'a>(texts: &[&'a str]) -> &'a str {
    let Some((first, rest)) = texts.split_first() else {
        return "";
    };
    let mut end = first.len();
    for text in rest {
        let same = first
            .char_indices()
            .zip(text.chars())
            .find(|((_, a), b)| a != b);
        end = end.min(same.map_or(text.len().min(first.len()), |((at, _), _)| at));
    }
    &first[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str, history: &[&str]) -> Prompt {
        let mut prompt = Prompt::new(
            Purpose::Filter,
            &Filter::default(),
            history.iter().map(|&l| l.to_owned()).collect(),
            |_| None,
        );
        prompt.insert(text);
        prompt
    }

    fn no_values(_: &Field) -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn prompt_edits_whole_graphemes() {
        let mut p = prompt("comm e\u{301}", &[]);
        p.edit(Edit::Request(InputRequest::DeletePrevChar), &no_values);
        assert_eq!(p.text(), "comm ");
        p.insert("日本");
        assert_eq!(p.line().scroll(40), (0, 9));
        p.edit(Edit::Request(InputRequest::DeletePrevChar), &no_values);
        p.edit(Edit::Request(InputRequest::DeletePrevChar), &no_values);
        p.insert("nginx");
        p.edit(Edit::Request(InputRequest::DeletePrevWord), &no_values);
        assert_eq!(p.text(), "comm ");
    }

    #[test]
    fn prompt_pasted_control_characters_are_removed() {
        assert_eq!(
            prompt("port\n443\x1b[31m\t\u{7}", &[]).text(),
            "port 443[31m "
        );
    }

    #[test]
    fn prompt_opens_with_the_filter_selected_which_typing_replaces() {
        let filter = Filter::parse("port 443").expect("a filter");
        let history = || vec!["port 22".to_owned(), "port 443".to_owned()];
        let open = || Prompt::new(Purpose::Filter, &filter, history(), |_| None);
        let mut p = open();
        assert!((p.text(), p.is_selected()) == ("port 443", true));
        p.insert("x");
        assert!((p.text(), p.is_selected()) == ("x", false));
        let after = |edits: &[Edit]| {
            let mut p = open();
            for edit in edits {
                p.edit(*edit, &no_values);
            }
            assert!(!p.is_selected());
            p.text().to_owned()
        };
        let request = Edit::Request;
        assert_eq!(after(&[request(InputRequest::DeletePrevChar)]), "");
        assert_eq!(after(&[request(InputRequest::DeletePrevWord)]), "");
        assert_eq!(after(&[request(InputRequest::GoToNextChar)]), "port 443 ");
        assert_eq!(after(&[Edit::Older]), "port 443 ");
        assert_eq!(after(&[Edit::Older, Edit::Older]), "port 22");
        assert_eq!(after(&[Edit::Older, Edit::Newer]), "");
        let back = [InputRequest::DeleteFromStart, InputRequest::Yank];
        assert_eq!(after(&back.map(request)), "port 443");
    }

    #[test]
    fn prompt_typing_an_operator_over_the_selected_filter_continues_it() {
        let open = |filter: &str| {
            let filter = Filter::parse(filter).expect("a filter");
            Prompt::new(Purpose::Filter, &filter, Vec::new(), |_| None)
        };
        for (filter, typed, text) in [
            ("port 443", " and rtt > 5ms", "port 443 and rtt > 5ms"),
            ("port 443", "and rtt > 5ms", "port 443 and rtt > 5ms"),
            ("port 443", "or curl", "port 443 or curl"),
            ("port 443", "&& curl", "port 443 && curl"),
            ("port 443", " || curl", "port 443 || curl"),
            ("a or b", " and port 80", "(a or b) and port 80"),
            ("a or b", " or port 80", "a or b or port 80"),
            ("port 443", "android", "android"),
            ("port 443", " curl", " curl"),
        ] {
            // key by key, and pasted
            let mut p = open(filter);
            for c in typed.chars() {
                p.insert(c.encode_utf8(&mut [0; 4]));
                if ["", "a", "an", "and", "o", "or"].contains(&p.text().trim()) {
                    let in_force = p.state().expect("the filter stays");
                    assert_eq!(in_force.source(), filter, "{typed}");
                }
            }
            assert_eq!(p.text(), text, "{typed}");
            let mut p = open(filter);
            p.insert(typed);
            assert_eq!(p.text(), text, "{typed}");
            assert!(p.state().is_ok(), "{typed}: {:?}", p.state());
        }
        // what is typed after deleting the filter stands for itself
        let mut p = open("port 443");
        p.edit(Edit::Request(InputRequest::DeleteFromStart), &no_values);
        p.insert("and x");
        assert_eq!(p.text(), "and x");
    }

    #[test]
    fn prompt_history_steps_back_and_returns_to_the_draft() {
        let mut p = prompt("draft", &["port 22", "port 443"]);
        let mut go = |edit| {
            p.edit(edit, &no_values);
            p.text().to_owned()
        };
        assert_eq!(go(Edit::Newer), "draft");
        assert_eq!(go(Edit::Older), "port 443");
        assert_eq!(go(Edit::Older), "port 22");
        assert_eq!(go(Edit::Older), "port 22");
        assert_eq!(go(Edit::Newer), "port 443");
        assert_eq!(go(Edit::Newer), "draft");
        assert_eq!(p.into_history(), ["port 22", "port 443", "draft"]);
        assert_eq!(
            prompt("port 22", &["port 22", "x"]).into_history(),
            ["x", "port 22"]
        );
        assert_eq!(prompt("  ", &["x"]).into_history(), ["x"]);
    }

    #[test]
    fn prompt_completion_inserts_one_candidate_and_cycles_several() {
        let mut p = prompt("reas", &[]);
        p.edit(Edit::Complete, &no_values);
        assert_eq!(p.text(), "reason ");
        p.insert("re");
        p.edit(Edit::Complete, &no_values);
        assert_eq!(p.text(), "reason re");
        let mut seen = Vec::new();
        for _ in 0..4 {
            p.edit(Edit::Complete, &no_values);
            seen.push(p.text().to_owned());
        }
        seen.sort();
        assert_eq!(
            seen,
            [
                "reason re",
                "reason refused",
                "reason remote-fin",
                "reason remote-reset"
            ]
        );
    }

    #[test]
    fn prompt_completion_offers_values_on_the_screen() {
        let mut p = prompt("comm ng", &[]);
        let values = |f: &Field| {
            if f.word == "comm" {
                vec!["nginx".to_owned()]
            } else {
                vec![]
            }
        };
        p.edit(Edit::Complete, &values);
        assert_eq!(p.text(), "comm nginx ");
    }

    #[test]
    fn prompt_incomplete_filter_is_distinguished_from_invalid() {
        assert!(prompt("port 443", &[]).state().is_ok());
        assert!(
            prompt("port ", &[])
                .state()
                .is_err_and(|e| e.is_incomplete())
        );
        assert!(
            prompt("port abc", &[])
                .state()
                .is_err_and(|e| !e.is_incomplete())
        );
    }

    #[test]
    fn prompt_says_what_a_field_takes_after_enter_as_before() {
        let mut p = prompt("retransmits", &[]);
        let said = |p: &Prompt| p.state().expect_err("no value").to_string();
        let typed = said(&p);
        assert!(p.finish().is_none());
        assert_eq!(said(&p), typed);
        assert_eq!(
            typed,
            "`retransmits` takes a number, like `retransmits > 10`"
        );
    }

    #[test]
    fn common_prefix_of_candidates_is_found() {
        assert_eq!(common_prefix(&["remote-fin", "remote-reset"]), "remote-");
        assert_eq!(common_prefix(&["ä1", "äb"]), "ä");
        assert_eq!(common_prefix(&["a"]), "a");
        assert_eq!(common_prefix(&["a", "ab"]), "a");
        assert_eq!(common_prefix(&[]), "");
    }
}
