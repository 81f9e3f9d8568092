//! What lies over what on the screen: layers above the list of sessions, each of which has keys of its own.

use crate::ui::action::Mode;
use crate::ui::layout::panes::{Focus, Subject};
use crate::ui::state::columns::Chooser;
use crate::ui::state::detail::Detail;
use crate::ui::state::export::{Export, Stage};
use crate::ui::state::prompt::Prompt;
use crate::ui::state::screens::Screen;

/// A layer above the list.
#[derive(Debug)]
pub enum Layer {
    /// A pane of top talkers has the keyboard.
    Pane(Subject),
    /// A screen in the place of the table.
    Screen(Screen),
    /// One session by itself.
    Detail(Box<Detail>),
    /// Columns are being chosen.
    Chooser(Chooser),
    /// The help, from this line on.
    Help(usize),
    /// A filter is being typed.
    Prompt(Box<Prompt>),
    /// A file is being named, or written.
    Export(Box<Export>),
}

impl Layer {
    /// The keys that are in force when nothing lies above it.
    fn mode(&self) -> Mode {
        match self {
            Layer::Pane(_) => Mode::TopTalkers,
            Layer::Screen(screen) => screen.mode(),
            Layer::Detail(_) => Mode::Detail,
            Layer::Chooser(_) => Mode::Columns,
            Layer::Help(_) => Mode::Help,
            Layer::Prompt(_) => Mode::Prompt,
            Layer::Export(export) => match export.stage {
                Stage::Naming(_) => Mode::FileName,
                Stage::Asking(_) => Mode::Replace,
                Stage::Writing(_) => Mode::Writing,
            },
        }
    }
}

/// The layers, the topmost last. There is one of a kind at the most.
#[derive(Debug, Default)]
pub struct Layers(Vec<Layer>);

/// The layer of one kind: a look at it, a change to it, and its removal.
macro_rules! layer {
    ($variant:ident, $content:ty, $get:ident, $get_mut:ident, $take:ident) => {
        /// What that layer holds, if it is there.
        pub fn $get(&self) -> Option<&$content> {
            self.0.iter().find_map(|layer| match layer {
                Layer::$variant(content) => Some(content),
                _ => None,
            })
        }

        /// The same, to be changed.
        pub fn $get_mut(&mut self) -> Option<&mut $content> {
            self.0.iter_mut().find_map(|layer| match layer {
                Layer::$variant(content) => Some(content),
                _ => None,
            })
        }

        /// Removes that layer.
        pub fn $take(&mut self) -> Option<$content> {
            let at = self
                .0
                .iter()
                .position(|layer| matches!(layer, Layer::$variant(_)))?;
            match self.0.remove(at) {
                Layer::$variant(content) => Some(content),
                _ => None,
            }
        }
    };
}

impl Layers {
    layer!(Screen, Screen, screen, screen_mut, take_screen);
    layer!(Detail, Box<Detail>, detail, detail_mut, take_detail);
    layer!(Chooser, Chooser, chooser, chooser_mut, take_chooser);
    layer!(Help, usize, help, help_mut, take_help);
    layer!(Prompt, Box<Prompt>, prompt, prompt_mut, take_prompt);
    layer!(Export, Box<Export>, export, export_mut, take_export);

    /// Lays one above all others.
    pub fn push(&mut self, layer: Layer) {
        self.0.push(layer);
    }

    /// The keys that are in force in each layer, from the topmost down to the list.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        let layers = self.0.iter().rev().map(Layer::mode);
        layers.chain(std::iter::once(Mode::Table))
    }

    /// The keys that are in force.
    pub fn mode(&self) -> Mode {
        self.0.last().map_or(Mode::Table, Layer::mode)
    }

    /// The topmost layer that fills the place of the table; `None`: the table is seen.
    pub fn page(&self) -> Option<&Layer> {
        let is_page =
            |l: &&Layer| matches!(l, Layer::Screen(_) | Layer::Detail(_) | Layer::Help(_));
        self.0.iter().rev().find(is_page)
    }

    /// What has the keyboard when nothing else lies above the list.
    pub fn focus(&self) -> Focus {
        match self.0.first() {
            Some(Layer::Pane(subject)) => Focus::Pane(*subject),
            _ => Focus::Table,
        }
    }

    /// Gives the keyboard to the list or to a pane, below all other layers. Returns the pane that had it until now.
    pub fn turn_to(&mut self, focus: Focus) -> Option<Subject> {
        let left = match self.focus() {
            now if now == focus => return None,
            Focus::Table => None,
            Focus::Pane(subject) => {
                self.0.remove(0);
                Some(subject)
            }
        };
        if let Focus::Pane(subject) = focus {
            self.0.insert(0, Layer::Pane(subject));
        }
        left
    }

    /// True while a line is typed, or what was typed waits for an answer.
    pub fn is_prompting(&self) -> bool {
        self.prompt().is_some() || self.export().is_some()
    }
}
