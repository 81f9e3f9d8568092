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
    /// Horizontal scroll position. 0: as many columns as fit; n: columns at full width, without the n-1 that follow
    /// the first.
    pub scroll: usize,
    /// The column that the table is sorted by: visible unless the table is scrolled, even if it was not chosen.
    pub sorted: Option<&'static Field>,
}

impl ColumnView<'_> {
    fn is_sorted(&self, field: &Field) -> bool {
        self.sorted.is_some_and(|sorted| sorted == field)
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
            // the arrow after its title may take the cell before a number, so that no column gives way to it
            if !field.kind.is_number() {
                column.width = column.width.max(column.title.width() as u16 + 1);
            }
            column.drop = 0;
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
    let has_room = |listed: &Listed| fitting.iter().any(|f| f.field == listed.field);
    let others = all().filter(|c| !has_room(c)).collect();
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
/// columns give way to the one that the table is sorted by, and to the status of the sessions if that was chosen. The first
/// step to the right shows all columns uncut; each further one leaves out a column after the first, which stays.
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
    let last = if needed(&all, whole) <= width {
        0
    } else {
        1 + most_hidden(&all, width)
    };
    let scroll = columns.scroll.min(last);
    let (shown, left, right) = match scroll.checked_sub(1) {
        None => {
            // next to a heading without room for it, the sign takes spare cells; no column is dropped for it
            let arrow = |c: &Listed| usize::from(columns.is_sorted(c.field));
            let fills = |c: &Listed| c.column.title.width() + arrow(c) >= c.column.width.into();
            let sign = last > 0 && first.last().is_some_and(fills);
            let spare = width.saturating_sub(needed(&first, least) + u16::from(sign));
            (grown(&first, spare), None, last > 0)
        }
        Some(hidden) => {
            let (start, left) = start(&all, hidden, width);
            let mut shown = unfolded(&all[..stay(&all, width)]);
            let rest = &all[shown.len() + hidden..];
            let fit = (1..=rest.len())
                .rev()
                .find(|&n| {
                    let sign = if n < rest.len() { SIGN } else { 0 };
                    start + needed(&rest[..n], whole) + sign <= width
                })
                .unwrap_or(1);
            let mut moved = unfolded(&rest[..fit]);
            // a column that does not fit uncut takes the remaining cells, if they are enough to be readable
            if let Some(next) = rest.get(fit) {
                let x = needed(&rest[..fit], whole) + 1;
                let room = width.saturating_sub(start + x + SIGN);
                if room >= next.column.width {
                    moved.push(Shown {
                        field: next.field,
                        title: next.column.title,
                        x,
                        width: room,
                    });
                }
            }
            let moved = moved.into_iter();
            shown.extend(moved.map(|c| Shown {
                x: c.x + start,
                ..c
            }));
            (shown, left, fit < rest.len())
        }
    };
    Window {
        shown,
        all: all.iter().map(|c| c.field).collect(),
        left,
        right,
        last,
    }
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

/// First cell of the scrolling columns when `hidden` of them are hidden, and the cell of the sign for these.
fn start(all: &[Listed], hidden: usize, width: u16) -> (u16, Option<u16>) {
    let stays = needed(&all[..stay(all, width)], whole);
    let gap = u16::from(stays > 0);
    if hidden == 0 {
        (stays + gap, None)
    } else {
        (stays + gap + SIGN, Some(stays + gap))
    }
}

/// Number of hidden columns when the last one is visible.
fn most_hidden(all: &[Listed], width: u16) -> usize {
    let moving = &all[stay(all, width)..];
    let fits =
        |hidden: &usize| start(all, *hidden, width).0 + needed(&moving[*hidden..], whole) <= width;
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

/// Columns at full width, nothing cut.
fn unfolded(columns: &[Listed]) -> Vec<Shown> {
    beside_each_other(columns, whole)
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
                    let arrow = usize::from(!field.kind.is_number());
                    let least = field.column.map_or(0, |c| c.title.width()) + arrow;
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
    fn columns_scrolled_show_full_addresses_first_then_move() {
        let mut columns = automatic();
        let mut step = |to| {
            columns.go(to, 80);
            titles(&columns, 80)
        };
        assert_eq!(step(Sideways::Right), "PID COMM LPORT RADDR RPORT");
        assert_eq!(step(Sideways::Right), "PID LPORT RADDR RPORT TX RX");
        assert_eq!(step(Sideways::Right), "PID RADDR RPORT TX RX RATE");
        assert_eq!(step(Sideways::Left), "PID LPORT RADDR RPORT TX RX");
        assert!(step(Sideways::End).ends_with(" UNIT"));
        assert_eq!(step(Sideways::Start), automatic_titles(80));
        let raddr = |columns: &Columns| {
            let shown = window(columns.view(), 80).shown;
            shown.iter().find(|c| c.title == "RADDR").map(|c| c.width)
        };
        assert_eq!(raddr(&columns), Some(15));
        columns.go(Sideways::Right, 80);
        assert_eq!(raddr(&columns), Some(39));
    }

    #[test]
    fn columns_without_ipv6_have_narrow_addresses() {
        let mut columns = Columns::default();
        columns.show_sorted(fields::by_word("raddr").expect("a field"));
        columns.go(Sideways::Right, 80);
        assert_eq!(
            titles(&columns, 80),
            "PID COMM LPORT RADDR RPORT TX RX RATE AGE"
        );
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
        assert_eq!(titles(&columns, 60), "PID RX STATUS RTT RETR CWND MSS");
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
