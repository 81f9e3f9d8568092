//! Folds differences with the same cause: sessions to one peer often are those of one program and one port, too.
//!
//! The key that explains a difference best keeps its line; the others are named in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::aggregate::GroupKey;
use crate::model::baseline::diff::{BaselineFigure, Difference, DifferenceKind};
use crate::model::baseline::key::BaselineKey;
use crate::model::baseline::parts::{Part, Parts, Together};

/// Number of sessions that connected, and of those that were accepted.
type ByEnd = [u64; 2];

/// The program of some sessions, if all have the same.
#[derive(Clone, Copy, Debug, Default)]
struct Sole {
    has_any: bool,
    program: Option<GroupKey>,
}

impl Sole {
    fn add(&mut self, program: Option<GroupKey>) {
        if !self.has_any {
            *self = Sole {
                has_any: true,
                program,
            };
        } else if self.program != program {
            self.program = None;
        }
    }
}

/// Share of a difference's sessions that another one must have, to explain it.
const MOST: f64 = 0.8;
/// Factor by which one difference must be clearer than another to explain it better.
const CLEARER: f64 = 1.1;

/// Factor by which a share of failures or losses must be clearer than that of a whole to be a cause of its own, and a time must have
/// grown more than another one.
const APART: f64 = 1.5;
/// Number of lines of one program from which on they are one.
const SEVERAL: usize = 3;

/// A difference while it is compared with others of its kind.
struct Candidate {
    difference: Difference,
    /// Its sessions that contribute, and all of them since the baseline.
    part: ByEnd,
    all: u64,
    /// Contributing sessions that its program accepted.
    as_server: u64,
    clients: Sole,
    servers: Sole,
    is_local: bool,
    /// The one that it is folded into.
    within: Option<usize>,
    /// True if that one is a part of it.
    is_in_part: bool,
}

impl Candidate {
    fn part(&self) -> u64 {
        self.part.iter().sum()
    }

    /// True if most of its sessions are among these. Of connections within the host one end is enough: the program at
    /// the other end is another one.
    fn is_mostly(&self, shared: ByEnd) -> bool {
        let is_most = |shared: u64, part: u64| shared > 0 && shared as f64 >= part as f64 * MOST;
        let whole = self.part();
        let mut ends = shared.into_iter().zip(self.part);
        is_most(shared.iter().sum(), whole)
            || ends.any(|(shared, part)| 2 * part >= whole && is_most(shared, part))
    }

    /// How clear the difference is: the share of failures or losses, or how much worse the figure is.
    fn clarity(&self) -> f64 {
        match self.difference.finding {
            DifferenceKind::Worse(BaselineFigure::Failed | BaselineFigure::Lossy) => {
                self.part() as f64 / self.all.max(1) as f64
            }
            DifferenceKind::Worse(_) | DifferenceKind::Grown(_) => self.difference.ratio(),
            DifferenceKind::FewerOpen | DifferenceKind::NoneKept | DifferenceKind::FewerNew => {
                1.0 / self.difference.ratio().max(f64::MIN_POSITIVE)
            }
            DifferenceKind::Gone | DifferenceKind::Quiet | DifferenceKind::New => 1.0,
        }
    }

    /// True if it explains sessions that both share better than the other. If both are as clear, the rank decides, then that
    /// of programs which connects, then the order of the keys.
    fn is_better_than(&self, other: &Candidate) -> bool {
        let (mine, theirs) = (self.clarity(), other.clarity());
        let rank = |c: &Candidate| (c.rank(), c.as_server, c.difference.key);
        match () {
            () if mine > theirs * CLEARER => true,
            () if theirs > mine * CLEARER => false,
            () => rank(self) < rank(other),
        }
    }

    /// True if failures or losses are counted: one by one, so that parts add up to their whole.
    fn is_counted(&self) -> bool {
        matches!(
            self.difference.finding,
            DifferenceKind::Worse(BaselineFigure::Failed | BaselineFigure::Lossy)
        )
    }

    /// True if this one, a part of the other, explains it: the figure is clearly worse here.
    fn stands_out_of(&self, whole: &Candidate) -> bool {
        let clearer = if self.is_counted() { APART } else { CLEARER };
        self.clarity() > whole.clarity() * clearer
    }

    fn rank(&self) -> u8 {
        match self.difference.key {
            BaselineKey::Link(_) => 0,
            BaselineKey::Group(GroupKey::Peer(_) | GroupKey::Subnet(_)) => 1,
            BaselineKey::Several(_)
            | BaselineKey::Group(
                GroupKey::UnknownOwner | GroupKey::Process(..) | GroupKey::Program(_),
            ) => 2,
            BaselineKey::Group(GroupKey::Port(_)) => 3,
            BaselineKey::Group(GroupKey::Workload(_)) => 4,
        }
    }

    fn count(&mut self, part: &Part, amount: u64) {
        self.all += part.sums.since;
        if amount == 0 {
            return;
        }
        self.part[usize::from(part.is_accepted)] += amount;
        let is_server = part.server.map(BaselineKey::Group) == Some(self.difference.key);
        self.as_server += if is_server { amount } else { 0 };
        self.clients.add(part.client);
        self.servers.add(part.server);
        self.is_local &= part.is_local;
    }

    /// Notes the programs at both ends in the difference.
    fn note_programs(&mut self) {
        let (client, server) = (self.clients.program, self.servers.program);
        self.difference.server = server.filter(|_| self.is_local);
        self.difference.owner = server.or(client);
    }
}

/// Folds differences whose sessions are for the most part those of another one. `parts` has the sums of their sessions.
pub fn fold(differences: Vec<Difference>, parts: Parts) -> Vec<Difference> {
    let parts = parts.into_parts();
    let mut by_kind: HashMap<DifferenceKind, Vec<Difference>> = HashMap::new();
    for difference in differences {
        let kind = by_kind.entry(difference.finding).or_default();
        kind.push(difference);
    }
    let folded = by_kind
        .into_iter()
        .flat_map(|(kind, differences)| fold_kind(kind, differences, &parts));
    let lines = without_consequences(collapse(folded.collect()), &parts);
    attribute_growth(lines, &parts)
}

fn fold_kind(kind: DifferenceKind, differences: Vec<Difference>, sums: &[Part]) -> Vec<Difference> {
    let mut all: Vec<Candidate> = differences
        .into_iter()
        .map(|difference| Candidate {
            difference,
            part: [0; 2],
            all: 0,
            as_server: 0,
            clients: Sole::default(),
            servers: Sole::default(),
            is_local: true,
            within: None,
            is_in_part: false,
        })
        .collect();
    let places: HashMap<BaselineKey, usize> = all
        .iter()
        .enumerate()
        .map(|(i, c)| (c.difference.key, i))
        .collect();
    let mut shared: HashMap<(usize, usize), ByEnd> = HashMap::new();
    for sum in sums {
        let part = sum.sums.part_of(kind);
        let here = sum.keys.iter().filter(|key| sum.is_of(**key, kind));
        let here = here.filter_map(|key| places.get(key).copied());
        let mut here: Vec<usize> = here.collect();
        here.sort_unstable();
        for (i, place) in here.iter().enumerate() {
            all[*place].count(sum, part);
            for other in &here[i + 1..] {
                shared.entry((*place, *other)).or_default()[usize::from(sum.is_accepted)] += part;
            }
        }
    }
    all.iter_mut().for_each(Candidate::note_programs);
    // what explains a part of itself, and what a part explains
    let (mut parts, mut wholes) = (Vec::new(), Vec::new());
    for (&(a, b), &shared) in &shared {
        match [a, b].map(|i| all[i].is_mostly(shared)) {
            [true, true] if all[a].is_better_than(&all[b]) => parts.push((a, b)),
            [true, true] => parts.push((b, a)),
            [true, false] if all[a].stands_out_of(&all[b]) => wholes.push((a, b)),
            [true, false] => parts.push((b, a)),
            [false, true] if all[b].stands_out_of(&all[a]) => wholes.push((b, a)),
            [false, true] => parts.push((a, b)),
            [false, false] => {}
        }
    }
    let (wholes, unexplained) = explained_by_links(wholes, &all);
    parts.extend(unexplained.into_iter().map(|(part, whole)| (whole, part)));
    for (by, what) in sorted(wholes, &all) {
        if all[what].within.is_none() {
            (all[what].within, all[what].is_in_part) = (Some(by), true);
        }
    }
    // a program that is refused and one that connects to it have no failure in common
    let share = |a: usize, b: usize| {
        let shared = shared.get(&(a.min(b), a.max(b)));
        shared.is_some_and(|ends| ends.iter().sum::<u64>() > 0)
    };
    let parts = sorted(parts, &all);
    put_together(&mut all, &parts, share);
    let mut also: HashMap<usize, Vec<usize>> = HashMap::new();
    for i in (0..all.len()).filter(|i| all[*i].within.is_some()) {
        also.entry(root(&all, i)).or_default().push(i);
    }
    for (at, mut within) in also {
        // programs first: they are what people know
        within.sort_unstable_by_key(|i| {
            let candidate = &all[*i];
            let key = candidate.difference.key;
            (!key.is_program(), Reverse(candidate.part()), key)
        });
        all[at].difference.also = within.iter().map(|i| all[*i].difference.key).collect();
    }
    let left = all.into_iter().filter(|c| c.within.is_none());
    left.map(|c| c.difference).collect()
}

/// Puts what is explained into what explains it, by pairs of these. Those that share nothing with the one that keeps the line are
/// taken out again, and may then be in another.
fn put_together(
    all: &mut [Candidate],
    pairs: &[(usize, usize)],
    share: impl Fn(usize, usize) -> bool,
) {
    let mut apart = FxHashSet::default();
    loop {
        for &(by, what) in pairs {
            // other parts of a whole have nothing to do with the part that explains it
            let is_free = all[what].within.is_none() && !all[by].is_in_part;
            let line = root(all, by);
            if is_free && line != what && share(what, line) && !apart.contains(&(by, what)) {
                all[what].within = Some(by);
            }
        }
        let before = apart.len();
        for i in 0..all.len() {
            if let Some(within) = all[i].within
                && !share(i, root(all, i))
            {
                apart.insert((within, i));
                (all[i].within, all[i].is_in_part) = (None, false);
            }
        }
        if apart.len() == before {
            break;
        }
    }
}

/// Pairs of a part and its whole.
type Pairs = Vec<(usize, usize)>;

/// Splits pairs in which a part stands out of its whole into those that hold, and the others. Failures and losses of a whole
/// are explained only by links that together have most of them.
fn explained_by_links(pairs: Pairs, all: &[Candidate]) -> (Pairs, Pairs) {
    let mut covered: HashMap<usize, u64> = HashMap::new();
    for (part, whole) in &pairs {
        if matches!(all[*part].difference.key, BaselineKey::Link(_)) {
            *covered.entry(*whole).or_default() += all[*part].part();
        }
    }
    pairs.into_iter().partition(|(_, whole)| {
        let covered = covered.get(whole).copied().unwrap_or(0);
        !all[*whole].is_counted() || covered as f64 >= all[*whole].part() as f64 * MOST
    })
}

/// The program whose line a port, a peer or a link may be in. A link to a port that others use as well is that of its client: the port
/// is not new or gone.
fn owner(difference: &Difference) -> Option<GroupKey> {
    match difference.key {
        BaselineKey::Link(link) => {
            let port = BaselineKey::Group(GroupKey::Port(link.port));
            let is_whole_port = difference.also.contains(&port);
            let client = || Some(GroupKey::Program(link.program));
            difference.owner.filter(|_| is_whole_port).or_else(client)
        }
        _ => difference.owner,
    }
}

/// Puts new and silent ports, peers and links of one program into one line.
fn collapse(differences: Vec<Difference>) -> Vec<Difference> {
    let mut lines = Vec::new();
    let mut by_owner: BTreeMap<(DifferenceKind, GroupKey), Vec<Difference>> = BTreeMap::new();
    for difference in differences {
        let is_one_of_many = match difference.finding {
            DifferenceKind::New => true,
            kind => kind.is_silent(),
        };
        match owner(&difference) {
            Some(owner) if is_one_of_many && !difference.key.is_program() => {
                let key = (difference.finding, owner);
                by_owner.entry(key).or_default().push(difference);
            }
            _ => lines.push(difference),
        }
    }
    for ((_, owner), mut group) in by_owner {
        if group.len() < SEVERAL {
            lines.append(&mut group);
            continue;
        }
        group.sort_unstable_by_key(|d| d.key);
        let mut servers = Sole::default();
        group.iter().for_each(|d| servers.add(d.server));
        // of what is gone, sessions that were open say more than how many came per second
        let has_open = group.iter().any(|d| d.since.is_none());
        let is_same = |d: &&Difference| d.since.is_none() == has_open;
        let sum = |figure: fn(&Difference) -> Option<f64>| {
            let figures = group.iter().filter(is_same).filter_map(figure);
            figures.reduce(|a, b| a + b)
        };
        let (before, since) = (sum(|d| d.before), sum(|d| d.since));
        let bytes = group.iter().map(|d| d.bytes).sum();
        let opened = group.iter().filter_map(|d| d.opened);
        let opened = opened.reduce(|[a, b], [c, d]| [a + c, b + d]);
        let ended = group.iter().map(|d| d.ended_ns);
        let ended: Option<Vec<u64>> = ended.collect();
        let ended_ns = ended.and_then(|all| all.into_iter().min());
        let key = BaselineKey::Several(owner);
        let mut named = FxHashSet::from_iter([BaselineKey::Group(owner)]);
        let keys = group
            .iter()
            .flat_map(|d| std::iter::once(&d.key).chain(&d.also));
        let also = keys.filter(|key| named.insert(**key)).copied().collect();
        lines.push(Difference {
            before,
            since,
            bytes,
            also,
            server: servers.program,
            owner: Some(owner),
            opened,
            ended_ns,
            ..Difference::new(key, group[0].finding)
        });
    }
    lines
}

/// Leaves out fewer sessions of a key, if most of those that are missing belong to what is gone.
fn without_consequences(mut lines: Vec<Difference>, sums: &[Part]) -> Vec<Difference> {
    let fewer = lines.iter().filter(|line| line.finding.is_fewer());
    let fewer: FxHashSet<BaselineKey> = fewer.map(|line| line.key).collect();
    let gone = lines.iter().filter(|line| line.finding.is_silent());
    let gone: FxHashSet<BaselineKey> = gone
        .flat_map(|line| std::iter::once(line.key).chain(line.also.iter().copied()))
        .collect();
    if fewer.is_empty() || gone.is_empty() {
        return lines;
    }
    // those of each key before the baseline, and those of what is gone
    let mut before: FxHashMap<BaselineKey, [u64; 2]> = FxHashMap::default();
    for part in sums {
        let is_gone = part.keys.iter().any(|key| gone.contains(key));
        for key in part.keys.iter().filter(|key| fewer.contains(key)) {
            let [all, of_gone] = before.entry(*key).or_default();
            *all += part.sums.before;
            *of_gone += if is_gone { part.sums.before } else { 0 };
        }
    }
    lines.retain(|line| {
        let [all, of_gone] = before.get(&line.key).copied().unwrap_or_default();
        let missing = all as f64 * (1.0 - line.ratio().min(1.0));
        let is_explained = of_gone > 0 && of_gone as f64 >= missing * MOST;
        !(line.finding.is_fewer() && is_explained)
    });
    lines
}

/// Names growth in the line of what is new, if that causes it.
fn attribute_growth(differences: Vec<Difference>, sums: &[Part]) -> Vec<Difference> {
    let is_grown = |d: &Difference| matches!(d.finding, DifferenceKind::Grown(_));
    let (grown, mut lines): (Vec<_>, Vec<_>) = differences.into_iter().partition(is_grown);
    let causes = Causes::new(&lines, sums);
    for difference in grown {
        match causes.of(&difference) {
            Some(cause) => {
                let growth = (difference.finding, difference.ratio());
                let with = &mut lines[cause].with;
                if with
                    .iter()
                    .all(|(finding, _)| *finding != difference.finding)
                {
                    with.push(growth);
                }
            }
            None => lines.push(difference),
        }
    }
    lines
}

/// Possible causes of growth, by key: thousands of keys may have grown, and as many may be new.
struct Causes<'a> {
    /// The parts of each key.
    parts: FxHashMap<BaselineKey, Vec<&'a Part>>,
    /// Lines of what is new, by the keys that they name.
    new: FxHashMap<BaselineKey, Vec<usize>>,
}

impl<'a> Causes<'a> {
    fn new(lines: &[Difference], sums: &'a [Part]) -> Self {
        let mut causes = Causes {
            parts: FxHashMap::default(),
            new: FxHashMap::default(),
        };
        for part in sums {
            for key in &part.keys {
                causes.parts.entry(*key).or_default().push(part);
            }
        }
        let new = lines.iter().enumerate();
        for (at, line) in new.filter(|(_, line)| line.finding == DifferenceKind::New) {
            let names = match line.key {
                BaselineKey::Several(_) => &line.also[..],
                _ => std::slice::from_ref(&line.key),
            };
            for name in names {
                causes.new.entry(*name).or_default().push(at);
            }
        }
        causes
    }

    /// The new line whose sessions are most of what there is more.
    fn of(&self, grown: &Difference) -> Option<usize> {
        let amount: fn(&Together) -> u64 = match grown.finding {
            DifferenceKind::Grown(BaselineFigure::New) => |sums| sums.opened,
            DifferenceKind::Grown(BaselineFigure::Bytes) => |sums| sums.opened_bytes,
            _ => return None,
        };
        let parts = self.parts.get(&grown.key)?;
        let all = match grown.finding {
            DifferenceKind::Grown(BaselineFigure::Bytes) => grown.bytes,
            _ => parts.iter().map(|p| amount(&p.sums)).sum(),
        };
        let surplus = all as f64 * (1.0 - 1.0 / grown.ratio().max(1.0));
        let mut shares: BTreeMap<usize, u64> = BTreeMap::new();
        for part in parts {
            let lines = part.keys.iter().filter_map(|key| self.new.get(key));
            let lines: BTreeSet<usize> = lines.flatten().copied().collect();
            for line in lines {
                *shares.entry(line).or_default() += amount(&part.sums);
            }
        }
        let shares = shares.into_iter().map(|(at, share)| (share, Reverse(at)));
        let (share, Reverse(at)) = shares.max()?;
        (share > 0 && share as f64 >= surplus * MOST).then_some(at)
    }
}

/// Sorts pairs of what explains and what is explained: the greatest first, so that what they explain is not taken by
/// lesser ones.
fn sorted(mut pairs: Vec<(usize, usize)>, all: &[Candidate]) -> Vec<(usize, usize)> {
    pairs.sort_unstable_by_key(|(by, what)| {
        let [by, what] = [by, what].map(|i| &all[*i]);
        (Reverse(by.part()), by.difference.key, what.difference.key)
    });
    pairs
}

/// Returns the one that keeps the line of this one.
fn root(all: &[Candidate], mut at: usize) -> usize {
    while let Some(within) = all[at].within {
        at = within;
    }
    at
}

/// Merges differences of the same keys: the worst one names the others. What is gone keeps its line, unless connects to it
/// fail, and so does what concerns another program.
pub fn merge(mut differences: Vec<Difference>) -> Vec<Difference> {
    differences.sort_unstable_by_key(Difference::precedence);
    let mut merged: Vec<Difference> = Vec::new();
    let mut places: HashMap<BaselineKey, Vec<usize>> = HashMap::new();
    for difference in differences {
        let same = places.get(&difference.key).into_iter().flatten();
        let same = same
            .copied()
            .filter(|at| is_same_cause(&difference, &merged[*at]));
        // connections that are opened instead of those that stayed open say so in their line
        let replaces = |at: &usize| {
            difference.finding == DifferenceKind::Grown(BaselineFigure::New)
                && merged[*at].finding == DifferenceKind::NoneKept
        };
        match same.clone().find(replaces).or(same.clone().next()) {
            Some(at) => {
                let worst = &mut merged[at];
                if !is_other_end(&difference, worst) && !is_consequence(&difference, worst) {
                    worst.with.push((difference.finding, difference.ratio()));
                }
                worst.with.extend(&difference.with);
                worst.note_opened(&difference);
                for key in difference.names() {
                    if key != worst.key && !worst.also.contains(&key) {
                        worst.also.push(key);
                        places.entry(key).or_default().push(at);
                    }
                }
            }
            None => {
                for key in difference.names() {
                    places.entry(key).or_default().push(merged.len());
                }
                merged.push(difference);
            }
        }
    }
    merged
}

/// True if both are about the same answers, seen from either end of connections within this host: what the clients wait for is what
/// their server takes, and its other clients may have other questions.
fn is_other_end(difference: &Difference, worse: &Difference) -> bool {
    let answers = [worse.finding, difference.finding];
    let both_ends = [BaselineFigure::Response, BaselineFigure::OurResponse];
    answers == both_ends.map(DifferenceKind::Worse)
        && worse.server.map(BaselineKey::Group) == Some(difference.key)
}

/// True if sessions last longer for their slower answers: by about what one of these takes longer. Both are times, µs.
fn is_consequence(difference: &Difference, worse: &Difference) -> bool {
    let answers = [BaselineFigure::Response, BaselineFigure::OurResponse];
    difference.finding == DifferenceKind::Grown(BaselineFigure::Duration)
        && answers.map(DifferenceKind::Worse).contains(&worse.finding)
        && difference.increase() <= worse.increase() * APART
}

/// True if a difference belongs to the line of a worse one.
fn is_same_cause(difference: &Difference, worse: &Difference) -> bool {
    // slower answers are no cause of that, and failed connects may be
    if difference.finding == DifferenceKind::NoneKept
        && worse.finding != DifferenceKind::Worse(BaselineFigure::Failed)
    {
        return false;
    }
    let is_its_server = worse
        .server
        .is_some_and(|s| BaselineKey::Group(s) == difference.key);
    if difference.finding.is_silent() || worse.finding.is_silent() {
        // a service has stopped, and its clients try again
        return is_its_server && worse.finding == DifferenceKind::Worse(BaselineFigure::Failed);
    }
    // who connects has no answers of its own there
    let is_link = matches!(worse.key, BaselineKey::Link(_));
    let is_ours = difference.finding == DifferenceKind::Worse(BaselineFigure::OurResponse);
    if is_link && is_ours && !is_its_server {
        return false;
    }
    let mine: Vec<BaselineKey> = std::iter::once(difference.key)
        .chain(difference.also.iter().copied())
        .collect();
    // connections that fail take no part in the times of others
    let fails = worse.finding == DifferenceKind::Worse(BaselineFigure::Failed);
    if is_link && fails && difference.is_of_times() && !mine.contains(&worse.key) {
        return false;
    }
    if is_its_server {
        // both ends of the same connections
        let port = worse.link_parts()[1];
        let is_worse = matches!(difference.finding, DifferenceKind::Worse(_));
        return (is_worse || is_consequence(difference, worse))
            && mine
                .iter()
                .all(|key| worse.names().contains(key) || Some(*key) == port);
    }
    let theirs: Vec<BaselineKey> = std::iter::once(worse.key)
        .chain(worse.also.iter().copied())
        .collect();
    // a link names both programs; what else has it in common does not matter
    let is_same_link = is_link && difference.key == worse.key;
    let mut programs = mine.iter().filter(|key| key.is_program());
    is_same_link
        || programs.all(|key| theirs.contains(key))
            && (mine.contains(&worse.key) || mine.iter().all(|key| theirs.contains(key)))
}
