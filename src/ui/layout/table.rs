//! Visible columns of the session table, and their positions.

use unicode_width::UnicodeWidthStr;

use crate::model::fields;
use crate::model::fields::{Column, Field, FieldKind};
use crate::ui::layout::fit;

/// Everything besides the width that the columns depend on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColumnView<'a> {
    /// `None`: as many as fit.
    pub chosen: Option<&'a [&'static Field]>,
    /// An IPv6 address was seen; until then every address fits the width of an IPv4 one.
    pub has_v6: bool,
    /// Horizontal scroll position. 0: as many columns as fit; n: the n-th step to the right.
    pub scroll: usize,
    /// The column that the table is sorted by: visible unless the table is scrolled, even if it was not chosen.
    pub sorted: Option<&'static Field>,
}

impl ColumnView<'_> {
    fn is_sorted(&self, field: &Field) -> bool {
        self.sorted.is_some_and(|sorted| sorted == field)
    }

    /// Word of the column whose place the sorted one takes.
    fn replaced(&self) -> Option<&'static str> {
        self.sorted?.column?.replaces
    }
}

/// A visible column.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub field: &'static Field,
    pub title: &'static str,
    /// Its first cell.
    pub x: u16,
    pub width: u16,
}

/// The visible part of the table.
#[derive(Clone, Debug)]
pub struct Window {
    pub shown: Vec<Shown>,
    /// All columns that can be scrolled to, in order.
    pub all: Vec<&'static Field>,
    /// Cell of the sign for more columns on the left; `None`: there are none.
    pub left: Option<u16>,
    /// True if there are more on the right.
    pub right: bool,
    /// The last scroll position.
    pub last: usize,
}

impl Window {
    /// True if this column is visible.
    pub fn shows(&self, field: &Field) -> bool {
        self.shown.iter().any(|c| c.field == field)
    }
}

/// A column, and its width when nothing is cut.
#[derive(Clone, Copy)]
struct Listed {
    field: &'static Field,
    column: Column,
    whole: u16,
}

impl Listed {
    fn new((field, mut column): (&'static Field, Column), columns: ColumnView<'_>) -> Self {
        if columns.is_sorted(field) {
            // the arrow after its title, which must not touch the heading next to it
            column.width = column.width.max(column.title.width() as u16 + 1);
            column.drop = 0;
        } else if columns.replaced() == Some(field.word) {
            column.drop = u8::MAX;
        } else {
            column.drop += 1;
        }
        let is_short = field.kind == FieldKind::Addr && !columns.has_v6;
        let more = if is_short { 0 } else { column.grow };
        Listed {
            field,
            column,
            whole: column.width + more,
        }
    }
}

/// Cells that columns take, with one between each two.
fn needed(columns: &[Listed], width: fn(&Listed) -> u16) -> u16 {
    let cells = columns.iter().map(|c| width(c) + 1).sum::<u16>();
    cells.saturating_sub(1)
}

fn least(listed: &Listed) -> u16 {
    listed.column.width
}

fn whole(listed: &Listed) -> u16 {
    listed.whole
}

/// Columns shown by default at this width, and those that do not fit.
fn automatic(columns: ColumnView<'_>, width: u16) -> (Vec<Listed>, Vec<Listed>) {
    let all = || fields::columns().map(|c| Listed::new(c, columns));
    let fits = |columns: &[Listed]| needed(columns, least) <= width;
    let fitting = fit::columns(all().collect(), |c| c.column.drop, fits);
    let others = all().filter(|c| !is_in(&fitting, c)).collect();
    (fitting, others)
}

/// Columns shown by default at this width.
pub fn fitting(columns: ColumnView<'_>, width: u16) -> Vec<&'static Field> {
    let (fitting, _) = automatic(columns, width);
    fitting.iter().map(|c| c.field).collect()
}

/// A cell for the sign that there is more, and one before it.
const SIGN: u16 = 2;

/// The part of the table that is visible at this width. It depends on nothing else: columns that moved with the
/// content of the rows could not be read.
///
/// Unless the table is scrolled, addresses and names are cut so that as many columns as possible are visible: chosen
/// ones from the left on, or by default the most important ones, with the ones that do not fit to their right. The other
/// columns give way to the one that the table is sorted by, and to the status of the sessions if that was chosen. Each step
/// to the right leaves out so many columns after the first, which stays, that another one comes into view.
pub fn window(columns: ColumnView<'_>, width: u16) -> Window {
    let column = |field: &&'static Field| Some(Listed::new((*field, field.column?), columns));
    let (all, first) = match columns.chosen {
        Some(list) => {
            let sorted = columns.sorted.filter(|field| !list.contains(field));
            let list: Vec<Listed> = list.iter().chain(&sorted).filter_map(column).collect();
            let first = with_needed(&list, columns, width);
            (list, first)
        }
        None => {
            let (first, others) = automatic(columns, width);
            ([&first[..], &others].concat(), first)
        }
    };
    let steps = steps(&all, &first, width);
    let last = steps.len();
    let step = columns.scroll.min(last).checked_sub(1);
    let (shown, left, right) = match step.and_then(|step| steps.get(step)) {
        None => {
            // next to a heading without room for it, the sign takes spare cells; no column is dropped for it
            let arrow = |c: &Listed| usize::from(columns.is_sorted(c.field));
            let fills = |c: &Listed| c.column.title.width() + arrow(c) >= c.column.width.into();
            let sign = last > 0 && first.last().is_some_and(fills);
            let spare = width.saturating_sub(needed(&first, least) + u16::from(sign));
            (grown(&first, spare), None, last > 0)
        }
        Some(step) => scrolled(&all, *step, width),
    };
    Window {
        shown,
        all: all.iter().map(|c| c.field).collect(),
        left,
        right,
        last,
    }
}

/// One scroll position.
#[derive(Clone, Copy)]
struct Step {
    /// Number of columns that are left out after the first.
    hidden: usize,
    /// Width of each column.
    cells: fn(&Listed) -> u16,
}

/// The scroll positions to the right, each of which shows a column that those before it do not. If all columns are visible,
/// but cut, these are positions with uncut ones.
fn steps(all: &[Listed], first: &[Listed], width: u16) -> Vec<Step> {
    let stays = stay(all, width);
    let mut is_seen: Vec<bool> = all.iter().map(|c| is_in(first, c)).collect();
    let mut steps = Vec::new();
    for hidden in 0..all.len() - stays {
        let step = Step {
            hidden,
            cells: least,
        };
        let from = stays + hidden;
        let to = from + fitting_after(all, step, width).1;
        let is_new = is_seen[from..to].contains(&false);
        let is_last = to == all.len();
        // the last one ends the row, whatever was seen of it before
        if is_new || is_last && !steps.is_empty() {
            is_seen[from..to].fill(true);
            steps.push(step);
        }
        if is_last {
            break;
        }
    }
    if steps.is_empty() && needed(all, whole) > width {
        let uncut = |hidden| Step {
            hidden,
            cells: whole,
        };
        return (0..=most_hidden(all, width)).map(uncut).collect();
    }
    steps
}

fn is_in(columns: &[Listed], column: &Listed) -> bool {
    columns.iter().any(|c| c.field == column.field)
}

/// First cell of the scrolling columns, and the number of them that fit from there on; at least one.
fn fitting_after(all: &[Listed], step: Step, width: u16) -> (u16, usize) {
    let (staying, moving) = all.split_at(stay(all, width));
    let (start, _) = start(staying, step);
    let rest = &moving[step.hidden..];
    let mut end = start;
    let mut fit = 0;
    for (i, listed) in rest.iter().enumerate() {
        end += (step.cells)(listed);
        let sign = if i + 1 < rest.len() { SIGN } else { 0 };
        if end + sign <= width {
            fit = i + 1;
        }
        end += 1;
    }
    (start, fit.max(1))
}

/// The columns that are visible at a scroll position, the cell of the sign for more on the left, and true if there are more
/// on the right.
fn scrolled(all: &[Listed], step: Step, width: u16) -> (Vec<Shown>, Option<u16>, bool) {
    let Step { hidden, cells } = step;
    let (staying, moving) = all.split_at(stay(all, width));
    let (_, left) = start(staying, step);
    let rest = &moving[hidden..];
    let (start, fit) = fitting_after(all, step, width);
    let is_more = fit < rest.len();
    let sign = if is_more { SIGN } else { 0 };
    let used = needed(&rest[..fit], cells);
    let mut spare = width.saturating_sub(start + used + sign);
    let mut moved = beside_each_other(&rest[..fit], |listed| {
        let more = listed.whole.saturating_sub(cells(listed)).min(spare);
        spare -= more;
        cells(listed) + more
    });
    // a column that does not fit uncut takes the remaining cells, if they are enough to be readable
    if let Some(next) = rest.get(fit).filter(|next| cells(next) > least(next)) {
        let room = width.saturating_sub(start + used + 1 + SIGN);
        if room >= least(next) {
            moved.push(Shown {
                field: next.field,
                title: next.column.title,
                x: used + 1,
                width: room,
            });
        }
    }
    let mut shown = beside_each_other(staying, cells);
    shown.extend(moved.into_iter().map(|c| Shown {
        x: c.x + start,
        ..c
    }));
    (shown, left, is_more)
}

/// The chosen columns that fit, from the left on; at least one. The columns before them give way to the sorted one, and to
/// the status: without it, nobody sees which sessions failed.
fn with_needed(list: &[Listed], columns: ColumnView<'_>, width: u16) -> Vec<Listed> {
    let is_sorted = |c: &Listed| columns.is_sorted(c.field);
    let is_needed = |c: &Listed| is_sorted(c) || c.field.word == "status";
    let fits = |columns: &Vec<Listed>| {
        let sign = if columns.len() < list.len() { SIGN } else { 0 };
        needed(columns, least) + sign <= width
    };
    let fitting = |is_kept: &dyn Fn(&Listed) -> bool| {
        let shorter = (1..=list.len()).rev().map(|n| {
            let (first, others) = list.split_at(n);
            let kept = others.iter().filter(|c| is_kept(c));
            first.iter().chain(kept).copied().collect()
        });
        shorter.into_iter().find(fits)
    };
    fitting(&is_needed)
        .or_else(|| fitting(&is_sorted))
        .or_else(|| fitting(&|_| false))
        .unwrap_or_else(|| list.iter().take(1).copied().collect())
}

/// Number of columns on the left that do not scroll: the first, unless it takes most of the window.
fn stay(all: &[Listed], width: u16) -> usize {
    match all {
        [first, _, ..] if first.whole <= width / 2 => 1,
        _ => 0,
    }
}

/// First cell of the scrolling columns beside those that stay, and the cell of the sign for hidden ones.
fn start(staying: &[Listed], Step { hidden, cells }: Step) -> (u16, Option<u16>) {
    let stays = needed(staying, cells);
    let gap = u16::from(stays > 0);
    if hidden == 0 {
        (stays + gap, None)
    } else {
        (stays + gap + SIGN, Some(stays + gap))
    }
}

/// Number of hidden columns when the last one is visible, and none is cut.
fn most_hidden(all: &[Listed], width: u16) -> usize {
    let (staying, moving) = all.split_at(stay(all, width));
    let fits = |hidden: &usize| {
        let step = Step {
            hidden: *hidden,
            cells: whole,
        };
        start(staying, step).0 + needed(&moving[*hidden..], whole) <= width
    };
    let last = moving.len().saturating_sub(1);
    (0..last).find(fits).unwrap_or(last)
}

/// Columns with the spare cells given to those that can use them.
fn grown(columns: &[Listed], mut spare: u16) -> Vec<Shown> {
    beside_each_other(columns, |listed| {
        let more = listed.column.grow.min(spare);
        spare -= more;
        listed.column.width + more
    })
}

fn beside_each_other(columns: &[Listed], mut width: impl FnMut(&Listed) -> u16) -> Vec<Shown> {
    let mut x = 0;
    columns
        .iter()
        .map(|listed| {
            let shown = Shown {
                field: listed.field,
                title: listed.column.title,
                x,
                width: width(listed),
            };
            x += shown.width + 1;
            shown
        })
        .collect()
}

/// The field whose heading is at a cell of the heading line; the cell after a heading belongs to it too.
pub fn heading_at(columns: ColumnView<'_>, width: u16, x: u16) -> Option<&'static Field> {
    let shown = window(columns, width).shown.into_iter();
    shown.rev().find(|c| c.x <= x).map(|c| c.field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::Batch;
    use crate::model::session::Session;
    use crate::model::store::Store;
    use crate::testing::sample::closed_session as sample;
    use crate::ui::action::Sideways;
    use crate::ui::state::columns::{Columns, kept};

    fn titles(columns: &Columns, width: u16) -> String {
        let shown = window(columns.view(), width).shown;
        let titles: Vec<&str> = shown.iter().map(|c| c.title).collect();
        titles.join(" ")
    }

    fn automatic() -> Columns {
        chosen("")
    }

    fn automatic_titles(width: u16) -> String {
        titles(&automatic(), width)
    }

    /// Columns of a table that is sorted by a column which has room anyway.
    fn chosen(words: &str) -> Columns {
        let mut columns = Columns::new(kept(words), None);
        let by = words.split(' ').next().filter(|word| !word.is_empty());
        columns.show_sorted(fields::by_word(by.unwrap_or("raddr")).expect("a field"));
        let mut store = Store::new(1);
        let batch = Batch {
            closed: vec![Session {
                laddr: "2001:db8::1".parse().expect("an address"),
                ..sample()
            }],
            ..Batch::default()
        };
        store.ingest(batch, |event| columns.take(&event));
        columns
    }

    #[test]
    fn columns_at_any_width_fit_the_window() {
        for width in 0..400 {
            for mut columns in [
                automatic(),
                chosen("laddr raddr status pid"),
                chosen("pid raddr unit cgroup tx rx"),
            ] {
                for _ in 0..50 {
                    let window = window(columns.view(), width);
                    let shown = &window.shown;
                    let end = shown.last().map_or(0, |c| c.x + c.width);
                    // a column wider than the window is cut
                    assert!(end <= width || shown.len() <= 2, "{width}: {shown:?}");
                    assert!(!shown.is_empty());
                    assert!(shown.windows(2).all(|w| w[0].x + w[0].width < w[1].x));
                    let at_the_end = shown.last().map(|c| c.field) == window.all.last().copied();
                    assert!(window.right || at_the_end, "{width}: {shown:?}");
                    columns.go(Sideways::Right, width);
                }
                assert!(
                    window(columns.view(), width)
                        .shows(window(columns.view(), width).all.last().expect("one"))
                );
            }
        }
    }

    #[test]
    fn columns_always_include_the_one_that_the_table_is_sorted_by() {
        for (field, _) in fields::columns() {
            for words in [
                "",
                "raddr mss comm",
                "pid comm lport raddr rport tx rx duration status",
            ] {
                for width in [40, 60, 80, 120, 200] {
                    let mut columns = chosen(words);
                    columns.show_sorted(field);
                    let shown = window(columns.view(), width).shown;
                    let sorted = shown.iter().find(|c| c.field == field);
                    let cells = sorted.map(|c| usize::from(c.width));
                    let least = field.column.map_or(0, |c| c.title.width()) + 1;
                    assert!(cells >= Some(least), "{field:?} at {width}: {cells:?}");
                }
            }
        }
    }

    #[test]
    fn columns_in_narrow_window_are_the_most_important() {
        assert_eq!(
            automatic_titles(80),
            "PID COMM LPORT RADDR RPORT TX RX RATE AGE STATUS"
        );
        assert_eq!(
            automatic_titles(120),
            "PID COMM LADDR LPORT RADDR RPORT TX RX RATE AGE CONN STATUS RTT RETR"
        );
        assert_eq!(
            automatic_titles(200),
            "PID COMM OWNER LADDR LPORT RADDR RPORT DIR TX RX UNACKED UNREAD RATE TX/s RX/s AGE CONN STATUS RTT MINRTT RETR CWND MSS NETNS"
        );
        let all = fields::columns().count();
        assert_eq!(automatic_titles(1000).split(' ').count(), all);
    }

    #[test]
    fn columns_scrolled_bring_another_one_into_view_with_each_step() {
        for width in [40, 60, 80, 120] {
            for mut columns in [
                automatic(),
                chosen("pid comm raddr tx rx rtt cwnd mss status"),
            ] {
                let mut seen: Vec<String> = Vec::new();
                let all = window(columns.view(), width).all;
                let first = all[0].column.map_or("", |c| c.title);
                if window(columns.view(), width).shown.len() == all.len() {
                    continue;
                }
                loop {
                    let now = titles(&columns, width);
                    let new = now.split(' ').filter(|t| !seen.contains(&(*t).to_owned()));
                    let new: Vec<String> = new.map(str::to_owned).collect();
                    let is_last = !window(columns.view(), width).right;
                    assert!(!new.is_empty() || is_last, "{width}: {now} after {seen:?}");
                    assert!(now.starts_with(first), "the first stays: {now}");
                    seen.extend(new);
                    if is_last {
                        break;
                    }
                    columns.go(Sideways::Right, width);
                }
                assert_eq!(seen.len(), all.len(), "{width}: all were shown");
                let end = titles(&columns, width);
                columns.go(Sideways::Right, width);
                assert_eq!(titles(&columns, width), end, "there are no more");
                columns.go(Sideways::Start, width);
                columns.go(Sideways::End, width);
                assert_eq!(titles(&columns, width), end);
            }
        }
    }

    #[test]
    fn columns_that_are_all_visible_but_cut_are_shown_in_full_by_a_step() {
        let raddr = |columns: &Columns| {
            let shown = window(columns.view(), 80).shown;
            let raddr = shown.iter().find(|c| c.title == "RADDR");
            raddr.map(|c| c.width)
        };
        let mut columns = chosen("pid comm laddr raddr tx rx status");
        assert!(raddr(&columns) < Some(39));
        while raddr(&columns) < Some(39) {
            assert!(window(columns.view(), 80).last > columns.view().scroll);
            columns.go(Sideways::Right, 80);
        }
    }

    #[test]
    fn columns_chosen_are_the_only_ones_shown() {
        let mut columns = chosen("raddr mss comm");
        assert_eq!(titles(&columns, 200), "RADDR MSS COMM");
        columns.go(Sideways::Right, 200);
        assert_eq!(columns.view().scroll, 0, "there is nothing more to be seen");
        let mut columns = chosen("pid comm laddr raddr rport tx rx status rtt retr cwnd mss");
        assert_eq!(titles(&columns, 60), "PID COMM LADDR STATUS");
        let mss = fields::by_word("mss").expect("a field");
        columns.reveal(mss, 60);
        assert!(window(columns.view(), 60).shows(mss));
        assert_eq!(titles(&columns, 60), "PID TX RX STATUS RTT RETR CWND MSS");
    }

    #[test]
    fn columns_chosen_keep_the_status_while_others_can_give_way() {
        let usual = "pid comm lport raddr rport tx rx age status";
        let added = |at: usize, word: &str| {
            let mut words: Vec<&str> = usual.split(' ').collect();
            words.insert(at, word);
            titles(&chosen(&words.join(" ")), 80)
        };
        assert_eq!(
            added(2, "user"),
            "PID COMM USER LPORT RADDR RPORT TX RX STATUS"
        );
        assert_eq!(
            added(9, "unit"),
            "PID COMM LPORT RADDR RPORT TX RX AGE STATUS"
        );
        // wherever it was put, and in a window as narrow as that
        let last = format!("{} status", usual.replace(" status", " rtt cwnd mss"));
        for width in 25..200 {
            let shown = titles(&chosen(&last), width);
            assert!(shown.ends_with("STATUS"), "{width}: {shown}");
            assert!(shown.starts_with("PID "), "{width}: {shown}");
        }
        assert_eq!(titles(&chosen(&last), 12), "PID");
    }
}
