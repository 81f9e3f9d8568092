//! Layers above the list of sessions, each with keys of its own.

use crate::ui::action::Mode;
use crate::ui::keys::titles;
use crate::ui::keys::titles::ScreenTitle;
use crate::ui::layout::panes::{Focus, Subject};
use crate::ui::state::asked::AskedLine;
use crate::ui::state::columns::Chooser;
use crate::ui::state::detail::Detail;
use crate::ui::state::export::{Export, Stage};
use crate::ui::state::help::Help;
use crate::ui::state::prompt::Prompt;
use crate::ui::state::screens::Screen;
use crate::ui::state::sort_menu::SortMenu;

#[derive(Debug)]
pub enum Layer {
    /// A pane of top talkers has the keyboard.
    Pane(Subject),
    /// A screen instead of the table.
    Screen(Screen),
    /// Details of one session.
    Detail(Box<Detail>),
    Chooser(Chooser),
    SortMenu(SortMenu),
    Help(Box<Help>),
    Prompt(Box<Prompt>),
    /// An answer to a question is being typed.
    Asked(Box<AskedLine>),
    /// A file is being named or written.
    Export(Box<Export>),
    /// A copied text, to select by hand.
    Copied(String),
}

impl Layer {
    /// Active keys while this layer is on top.
    fn mode(&self) -> Mode {
        match self {
            Layer::Pane(_) => Mode::TopTalkers,
            Layer::Screen(Screen::Table(shown)) if shown.arrangement().typing().is_some() => {
                Mode::LineSearch
            }
            Layer::Screen(screen) => screen.mode(),
            Layer::Detail(_) => Mode::Detail,
            Layer::Chooser(_) => Mode::Columns,
            Layer::SortMenu(_) => Mode::SortMenu,
            Layer::Help(help) if help.typing.is_some() => Mode::Search,
            Layer::Help(_) => Mode::Help,
            Layer::Prompt(_) => Mode::Prompt,
            Layer::Asked(asked) => asked.mode(),
            Layer::Export(export) => match export.stage {
                Stage::Naming(_) => Mode::FileName,
                Stage::Asking(_) => Mode::Replace,
                Stage::Writing(_) => Mode::Writing,
            },
            Layer::Copied(_) => Mode::Copied,
        }
    }

    /// The mode that its title has, whatever is typed on it.
    fn titled(&self) -> Mode {
        match self {
            Layer::Screen(screen) => screen.mode(),
            layer => layer.mode(),
        }
    }
}

/// The layers, the topmost last. Of several of a kind, as of the help below a command and above it, the topmost counts.
#[derive(Debug, Default)]
pub struct Layers(Vec<Layer>);

/// Accessors for the layer of one kind: get, unless it is not needed, get mutably, remove.
macro_rules! layer {
    ($variant:ident, $content:ty, $get:ident, $get_mut:ident, $take:ident) => {
        pub fn $get(&self) -> Option<&$content> {
            self.0.iter().rev().find_map(|layer| match layer {
                Layer::$variant(content) => Some(content),
                _ => None,
            })
        }

        layer!($variant, $content, $get_mut, $take);
    };
    ($variant:ident, $content:ty, $get_mut:ident, $take:ident) => {
        pub fn $get_mut(&mut self) -> Option<&mut $content> {
            self.0.iter_mut().rev().find_map(|layer| match layer {
                Layer::$variant(content) => Some(content),
                _ => None,
            })
        }

        pub fn $take(&mut self) -> Option<$content> {
            let at = self
                .0
                .iter()
                .rposition(|layer| matches!(layer, Layer::$variant(_)))?;
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
    layer!(SortMenu, SortMenu, sort_menu, sort_menu_mut, take_sort_menu);
    layer!(Help, Box<Help>, help, help_mut, take_help);
    layer!(Prompt, Box<Prompt>, prompt, prompt_mut, take_prompt);
    layer!(Asked, Box<AskedLine>, asked_mut, take_asked);
    layer!(Export, Box<Export>, export, export_mut, take_export);

    /// The topmost layer; `None`: there is none above the list.
    pub fn top(&self) -> Option<&Layer> {
        self.0.last()
    }

    /// The copied text, which is above all other layers.
    pub fn copied(&self) -> Option<&str> {
        match self.0.last() {
            Some(Layer::Copied(text)) => Some(text),
            _ => None,
        }
    }

    /// Shows a copied text.
    pub fn show_copied(&mut self, text: String) {
        self.close_copied();
        self.push(Layer::Copied(text));
    }

    /// Closes the copied text.
    pub fn close_copied(&mut self) {
        self.0.retain(|layer| !matches!(layer, Layer::Copied(_)));
    }

    /// Adds a layer on top.
    pub fn push(&mut self, layer: Layer) {
        self.0.push(layer);
    }

    /// Modes from the topmost layer down to the list.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        let layers = self.0.iter().rev().map(Layer::mode);
        layers.chain(std::iter::once(Mode::Table))
    }

    /// The title of the topmost screen, and the tab that it belongs to.
    pub fn present(&self) -> (&'static ScreenTitle, &'static ScreenTitle) {
        let layers = self.0.iter().rev().map(Layer::titled);
        titles::present(layers.chain(std::iter::once(Mode::Table)))
    }

    /// The mode of the topmost layer.
    pub fn mode(&self) -> Mode {
        self.0.last().map_or(Mode::Table, Layer::mode)
    }

    /// The topmost layer that covers the table; `None`: the table is visible.
    pub fn page(&self) -> Option<&Layer> {
        let is_page =
            |l: &&Layer| matches!(l, Layer::Screen(_) | Layer::Detail(_) | Layer::Help(_));
        self.0.iter().rev().find(is_page)
    }

    /// The list or pane that has the keyboard when no other layer is above it.
    pub fn focus(&self) -> Focus {
        match self.0.first() {
            Some(Layer::Pane(subject)) => Focus::Pane(*subject),
            _ => Focus::Table,
        }
    }

    /// Gives the keyboard to the list or to a pane, below all other layers. Returns the pane that had it.
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

    /// True while a line is being typed, or waits for an answer.
    pub fn is_prompting(&self) -> bool {
        match self.0.last() {
            Some(Layer::Prompt(_) | Layer::Asked(_) | Layer::Export(_)) => true,
            Some(Layer::Help(help)) => help.typing.is_some(),
            Some(layer @ Layer::Screen(_)) => layer.mode() == Mode::LineSearch,
            _ => false,
        }
    }
}
