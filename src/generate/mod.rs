//! Files that an installation has beside the program, made by the program itself: the man page and the completions of
//! shells.

mod man;

use crate::cli::Generate;

/// Returns the file.
pub fn generate(what: Generate) -> String {
    match what {
        Generate::Man => man::page(),
        Generate::Bash => include_str!("completions.bash").to_owned(),
        Generate::Zsh => include_str!("completions.zsh").to_owned(),
        Generate::Fish => include_str!("completions.fish").to_owned(),
    }
}
