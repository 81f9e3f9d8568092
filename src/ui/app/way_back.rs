//! The way back: pages that were left for others, each with what is to be shown again. `screens` goes it.

use crate::model::session::SessionId;
use crate::ui::action::Mode;
use crate::ui::app::Sort;
use crate::ui::layout::panes::Focus;
use crate::ui::state::columns::Chooser;
use crate::ui::state::help::Help;
use crate::ui::state::screens::Screen;
use crate::ui::state::view_filter::Choice;

/// Maximum number of steps to go back, one after the other.
pub(super) const MOST_STEPS: usize = 8;

/// A step from pages to a screen, or to the sessions.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) pages: Pages,
    /// Mode of the screen or of the sessions that it led to.
    pub(super) to: Mode,
    pub(super) way: Way,
}

/// Everything that covered the sessions.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) focus: Focus,
    pub(super) screen: Option<Screen>,
    /// The session whose details were shown, and the first visible line of these.
    pub(super) detail: Option<(SessionId, usize)>,
    pub(super) chooser: Option<Chooser>,
    pub(super) help: Option<Box<Help>>,
}

/// The kind of a step.
#[derive(Debug)]
pub(super) enum Way {
    /// `Enter` on a line of a screen, to its sessions or to a screen that says more about it.
    Line(Box<LineStep>),
    /// The key of another screen, or its tab.
    Key,
    /// A walk along the tabs.
    Tabs,
    /// The key for the other end, from the details of one to those of the other.
    OtherEnd,
    /// The prompt for the filter, on a page without a filter of its own.
    Prompt,
}

/// The sessions before `Enter` on a line, and since.
#[derive(Debug)]
pub(super) struct LineStep {
    pub(super) before: Choice,
    pub(super) since: Choice,
    pub(super) order: Option<OrderBefore>,
}

/// The order of the sessions before they were given another one.
#[derive(Debug)]
pub(super) struct OrderBefore {
    pub(super) sort: Sort,
    /// The previous order of that time, while the newest session was followed.
    pub(super) before_following: Option<Sort>,
    pub(super) given: Sort,
}

impl Way {
    pub(super) fn is_other_end(&self) -> bool {
        matches!(self, Way::OtherEnd)
    }
}

impl Step {
    pub(super) fn new(pages: Pages, to: Mode, way: Way) -> Self {
        Step { pages, to, way }
    }
}

impl Pages {
    /// A screen alone.
    pub(super) fn of(screen: Screen, focus: Focus) -> Self {
        Pages {
            focus,
            screen: Some(screen),
            detail: None,
            chooser: None,
            help: None,
        }
    }

    /// Mode of the screen, or of the sessions.
    pub(super) fn base(&self) -> Mode {
        self.screen.as_ref().map_or(Mode::Table, Screen::mode)
    }

    /// True if the sessions were visible.
    pub(super) fn is_empty(&self) -> bool {
        self.screen.is_none()
            && self.detail.is_none()
            && self.chooser.is_none()
            && self.help.is_none()
    }
}
