//! Sections of the documents that tests generate, between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

use std::path::{Path, PathBuf};

/// A generated section of a document.
pub(crate) struct Section {
    path: PathBuf,
    before: String,
    pub(crate) text: String,
    after: String,
}

impl Section {
    /// Reads a section of a document, whose path is relative to the project.
    pub(crate) fn read(document: &str, name: &str) -> Section {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let all = std::fs::read_to_string(&path).expect("the document");
        let (begin, end) = (
            format!("<!-- {name}: begin -->\n"),
            format!("<!-- {name}: end -->"),
        );
        let from = all.find(&begin);
        let from = from.unwrap_or_else(|| panic!("{document} has no {begin}")) + begin.len();
        let to = all[from..].find(&end);
        let to = from + to.unwrap_or_else(|| panic!("{document} has no {end}"));
        Section {
            path,
            before: all[..from].into(),
            text: all[from..to].into(),
            after: all[to..].into(),
        }
    }

    /// Asserts that the section is this text, or with `UPDATE_DOCS=1` makes it so; `command` does that.
    pub(crate) fn assert_is(&self, text: &str, command: &str) {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&self.path, format!("{}{text}{}", self.before, self.after))
                .expect("writing the document");
        } else {
            let document = self.path.display();
            assert_eq!(
                self.text, text,
                "{document}: UPDATE_DOCS=1 {command} writes it"
            );
        }
    }
}
