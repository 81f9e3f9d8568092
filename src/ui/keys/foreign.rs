//! Keys that people know from vim, less, htop, top and others, and that have no meaning here: the keys that do what they
//! are after.

use crate::ui::action::{Action, Mode, Motion, Purpose, Sideways};
use crate::ui::keys::key_press::{char, code, ctrl};
use crate::ui::keys::{KeyCode, KeyPress, Keymap};

/// Keys of other programs, and what to say of them.
#[derive(Debug)]
struct ForeignKeys {
    presses: &'static [KeyPress],
    /// The actions that may be meant, the likeliest first. Those that have a key in the present mode are named.
    actions: &'static [Action],
    /// Further help; empty: none.
    remark: &'static str,
}

const FILTER: Action = Action::Prompt(Purpose::Filter);

const fn meant(presses: &'static [KeyPress], actions: &'static [Action]) -> ForeignKeys {
    ForeignKeys {
        presses,
        actions,
        remark: "",
    }
}

const fn remarked(
    presses: &'static [KeyPress],
    actions: &'static [Action],
    remark: &'static str,
) -> ForeignKeys {
    ForeignKeys {
        presses,
        actions,
        remark,
    }
}

#[rustfmt::skip]
static FOREIGN_KEYS: &[ForeignKeys] = &[
    // htop's pause, and vim's ZZ and ZQ
    meant(&[char('Z')], &[Action::Freeze, Action::Quit, Action::Back]),
    // vim and less: Q, :q
    meant(&[char('Q'), ctrl('x'), ctrl('q')], &[Action::Quit, Action::Back]),
    meant(&[char(';')], &[Action::Quit, Action::Back, FILTER, Action::Search, Action::Help]),
    // vim's first column
    meant(&[char('0'), char('_')], &[Action::Sideways(Sideways::Start), Action::Move(Motion::Top)]),
    // counts, as in 5j and 10G, which the sessions take
    remarked(
        &[char('1'), char('2'), char('3'), char('4'), char('5'), char('6'), char('7'), char('8'), char('9')],
        &[Action::Move(Motion::PageDown), Action::Move(Motion::Bottom)], "keys take no counts",
    ),
    meant(&[ctrl('y')], &[Action::Move(Motion::Up), Action::Move(Motion::HalfUp), Action::Move(Motion::PageUp)]),
    meant(&[ctrl('e')], &[Action::Move(Motion::Down), Action::Move(Motion::HalfDown), Action::Move(Motion::PageDown)]),
    meant(&[ctrl('d'), char('z'), char('w'), char('J')], &[Action::Move(Motion::PageDown)]),
    meant(&[ctrl('u'), char('b'), char('K')], &[Action::Move(Motion::PageUp)]),
    meant(&[char('*'), char('#'), char('&'), char('|'), char('%'), ctrl('s')], &[FILTER, Action::Search]),
    // details, or vim's insert mode
    meant(&[char('i')], &[Action::Open, FILTER, Action::Search]),
    meant(&[char('O'), char('a'), char('\\')], &[FILTER, Action::Search]),
    meant(&[char('\''), char('"'), char('`'), char('~')], &[Action::Baseline]),
    meant(&[ctrl('r'), char('r'), ctrl('g')], &[Action::Redraw, Action::SortMenu]),
    meant(&[ctrl('o'), ctrl('t'), ctrl('h')], &[Action::Widen, Action::Back]),
    // the next hit, where a line is typed
    meant(&[code(KeyCode::F(3))], &[Action::Accept]),
    meant(&[ctrl('w')], &[Action::NextPane, Action::StepScreen(1)]),
    // htop and top: the user's processes, sort keys, renice, kill
    remarked(&[char('u'), char('U')], &[Action::Widen, FILTER], "`user NAME` filters by user"),
    meant(&[char('M'), char('x'), char('X')], &[Action::SortMenu, Action::Invert, Action::SortNext]),
    remarked(
        &[code(KeyCode::F(7)), code(KeyCode::F(8)), ctrl('k'), code(KeyCode::Delete)],
        &[], "tcplife only watches: nothing is killed or reniced here",
    ),
    meant(&[char('Y'), code(KeyCode::Insert)], &[Action::Copy, Action::Export]),
    meant(&[code(KeyCode::F(11)), code(KeyCode::F(12)), char('.'), char(',')], &[Action::SortMenu, Action::Help]),
];

/// Cells that a notice may take: a window of 80 columns has room for it.
const LONGEST: usize = 78;

/// Says which keys do what a key of another program does there, if that is known; otherwise names the help.
pub fn explained(press: KeyPress, mode: Mode, keymap: &Keymap) -> String {
    let name = press.name();
    let unbound = format!("{name} is not bound");
    let found = FOREIGN_KEYS.iter().find(|f| f.presses.contains(&press));
    let (actions, remark) = found.map_or((&[][..], ""), |f| (f.actions, f.remark));
    let mut text = match remark {
        "" => unbound.clone(),
        remark => format!("{unbound}; {remark}"),
    };
    let mut sign = ";";
    for key in actions
        .iter()
        .filter_map(|action| keymap.in_words(mode, *action))
    {
        if text.chars().count() + sign.len() + 1 + key.chars().count() <= LONGEST {
            text += &format!("{sign} {key}");
            sign = ",";
        }
    }
    if text != unbound {
        return text;
    }
    match keymap.of(mode, Action::Help).as_str() {
        // in the help its key closes it
        help if help.is_empty() || mode == Mode::Help => format!("{unbound} here"),
        help => format!("{unbound}; {help} help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_a_key_or_names_the_key_that_may_be_meant() {
        let keymap = Keymap::default();
        let typed = (' '..='~').map(char);
        let held = ('a'..='z').map(ctrl);
        let functions = (1..=12).map(|n| code(KeyCode::F(n)));
        for press in typed.chain(held).chain(functions) {
            // they are Tab and Enter
            if [ctrl('i'), ctrl('j'), ctrl('m')].contains(&press) {
                continue;
            }
            let text = explained(press, Mode::Table, &keymap);
            let is_bound = keymap.lookup(Mode::Table, press).is_some();
            assert!(
                is_bound || !text.ends_with("; ? help") || text.contains(','),
                "{text}"
            );
        }
    }

    #[test]
    fn foreign_keys_are_listed_once_and_named_in_the_table() {
        let keymap = Keymap::default();
        let mut seen: Vec<KeyPress> = Vec::new();
        for foreign in FOREIGN_KEYS {
            for press in foreign.presses {
                assert!(!seen.contains(press), "{} twice", press.name());
                seen.push(*press);
                if keymap.lookup(Mode::Table, *press).is_none() {
                    let text = explained(*press, Mode::Table, &keymap);
                    assert!(!text.contains("is not bound here"), "{text}");
                    assert!(text.chars().count() <= LONGEST, "{text}");
                }
            }
        }
    }
}
