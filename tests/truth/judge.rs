//! Compares what tcplife reports with what the generators did.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use serde_json::Value;

use crate::sys;

/// A case's record: its sessions and its network namespaces.
pub(crate) struct Story {
    pub(crate) name: String,
    /// Held open, so that the kernel does not give a number to another case's namespace.
    pub(crate) spaces: Vec<OwnedFd>,
    /// One line for every end of a session, see `generator`.
    pub(crate) told: Vec<Value>,
    pub(crate) skipped: Option<String>,
    /// The generator itself failed.
    pub(crate) broken: Option<String>,
}

/// A line of the table.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) sessions: usize,
    pub(crate) skipped: Option<String>,
    pub(crate) wrong: Vec<String>,
}

/// These keys together distinguish sessions that are open at the same time.
const KEYS: [&str; 5] = ["netns", "laddr", "lport", "raddr", "rport"];

fn key(row: &Value) -> String {
    KEYS.map(|k| row[k].to_string()).join(" ")
}

impl Story {
    pub(crate) fn new(name: String) -> Self {
        Story {
            name,
            spaces: Vec::new(),
            told: Vec::new(),
            skipped: None,
            broken: None,
        }
    }

    fn rows<'a>(&self, rows: &'a [Value]) -> Vec<&'a Value> {
        let inodes: Vec<u64> = self.spaces.iter().map(sys::inode).collect();
        let ours = |row: &&Value| row["netns"].as_u64().is_some_and(|n| inodes.contains(&n));
        rows.iter().filter(ours).collect()
    }

    /// True if all of its sessions are reported.
    pub(crate) fn is_complete(&self, rows: &[Value]) -> bool {
        self.broken.is_some() || self.rows(rows).len() >= self.told.len()
    }

    pub(crate) fn pairs<'a>(&'a self, rows: &'a [Value]) -> Vec<(&'a Value, Option<&'a Value>)> {
        let mut shown: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for row in self.rows(rows) {
            shown.entry(key(row)).or_default().push(row);
        }
        // a reused socket pair is ordered by time
        self.told
            .iter()
            .map(|told| {
                let rows = shown.get_mut(&key(&told["want"]));
                let row = rows.filter(|r| !r.is_empty()).map(|r| r.remove(0));
                (told, row)
            })
            .collect()
    }

    pub(crate) fn judge(&self, rows: &[Value]) -> Outcome {
        let mut wrong = Vec::new();
        wrong.extend(
            self.broken
                .iter()
                .map(|why| format!("the generator failed: {why}")),
        );
        let pairs = self.pairs(rows);
        for (told, row) in &pairs {
            let want = &told["want"];
            let who = format!(
                "{} {} ({}) {}:{} > {}:{}",
                want["direction"].as_str().unwrap_or("?"),
                want["comm"],
                want["pid"],
                want["laddr"],
                want["lport"],
                want["raddr"],
                want["rport"]
            );
            let Some(row) = row else {
                wrong.push(format!("{who}: is missing"));
                continue;
            };
            for (key, value) in want.as_object().into_iter().flatten() {
                if row[key] != *value {
                    wrong.push(format!("{who}: {key} is {}, shown {}", value, row[key]));
                }
            }
            let or_null = told["between_or_null"].as_object().into_iter().flatten();
            let known = or_null.filter(|(key, _)| !row[key.as_str()].is_null());
            let between = told["between"].as_object().into_iter().flatten();
            for (key, range) in between.chain(known) {
                let (low, high) = (range[0].as_u64(), range[1].as_u64());
                let shown = row[key].as_u64();
                if shown < low || shown > high || shown.is_none() {
                    wrong.push(format!("{who}: {key} is in {range}, shown {}", row[key]));
                }
            }
            wrong.extend(
                self.wrong_duration(told, row)
                    .map(|w| format!("{who}: {w}")),
            );
            wrong.extend(wrong_response(row).map(|w| format!("{who}: {w}")));
        }
        let matched: Vec<&Value> = pairs.iter().filter_map(|p| p.1).collect();
        for row in self.rows(rows) {
            if !matched.iter().any(|m| std::ptr::eq(*m, row)) {
                wrong.push(format!("nobody made this: {row}"));
            }
        }
        Outcome {
            name: self.name.clone(),
            sessions: self.told.len(),
            skipped: self.skipped.clone(),
            wrong,
        }
    }

    /// Returns the line of the other end of the same connection.
    fn other_end(&self, told: &Value) -> Option<&Value> {
        let (a, b) = (&told["want"], |t: &Value| t["want"].clone());
        self.told.iter().find(|other| {
            let b = b(other);
            !std::ptr::eq(*other, told)
                && a["laddr"] == b["raddr"]
                && a["lport"] == b["rport"]
                && a["raddr"] == b["laddr"]
                && a["rport"] == b["lport"]
        })
    }

    /// A session began and ended within windows that the generators measured around their calls, so its
    /// duration is within another, give or take 5 ms or 5 %.
    fn wrong_duration(&self, told: &Value, row: &Value) -> Option<String> {
        let window = |v: &Value| Some([v[0].as_u64()? / 1000, v[1].as_u64()? / 1000]);
        let other = self.other_end(told);
        let mut begun = window(&told["begun"])?;
        if told["want"]["direction"] == "in" {
            // the handshake ends at the client first
            let client = window(&other?["begun"])?;
            let on_its_way = told["slack"].as_u64()? / 1000;
            begun = [client[0], client[1].max(begun[1]) + on_its_way];
        }
        let (mine, peers) = (window(&told["end"]), other.and_then(|o| window(&o["end"])));
        let end = match told["rule"].as_str()? {
            "mine" => mine?,
            "peers" => peers?,
            _ => {
                let [from, to] = mine?;
                [from, peers.map_or(to, |p| p[1].max(to))]
            }
        };
        let shown = row["duration_us"].as_u64()?;
        let slack = told["slack"].as_u64()? / 1000;
        let longest = (end[1] + slack).saturating_sub(begun[0]);
        let longest = longest + (longest / 20).max(5000);
        let shortest = end[0].saturating_sub(begun[1]);
        let shortest = shortest.saturating_sub((shortest / 20).max(5000));
        // the age of a preexisting session is a lower bound
        let too_short = shown < shortest && told["want"]["preexisting"] == false;
        (too_short || shown > longest)
            .then(|| format!("its duration is between {shortest} and {longest} us, shown {shown}"))
    }
}

/// No end of a new session answers for longer than it lasts, give or take 20 ms or 20 %.
fn wrong_response(row: &Value) -> Option<String> {
    let lasted = row["duration_us"].as_u64()?;
    let longest = lasted + (lasted / 5).max(20_000);
    let keys = ["resp_max_us", "ourresp_max_us", "first_data_us"];
    let wrong = keys
        .iter()
        .find(|key| row[**key].as_u64().is_some_and(|us| us > longest))?;
    (row["preexisting"] == false)
        .then(|| format!("{wrong} is {}, and it lasted {lasted} us", row[*wrong]))
}

/// Returns the outcome of the whole run.
pub(crate) fn nothing_lost(rows: &[Value]) -> Outcome {
    let summaries: Vec<&Value> = rows.iter().filter(|r| r["event"] == "summary").collect();
    let mut wrong = Vec::new();
    match summaries[..] {
        [summary] if summary["missed"] == 0 => (),
        _ => wrong.push(format!(
            "one summary with nothing missed, shown {summaries:?}"
        )),
    }
    let sessions = rows.iter().filter(|r| r["event"] == "close").count();
    Outcome {
        name: "nothing-missed".into(),
        sessions,
        skipped: None,
        wrong,
    }
}
