//! Measures of sessions: the figures whose distribution matters, and a histogram of each.

use crate::model::count::Count;
use crate::model::fields;
use crate::model::fields::{Field, Value};
use crate::model::histogram::{BYTES, Bucket, Histogram, Scale, TIME};
use crate::model::session::Session;

/// One row of [`MEASURES`].
#[derive(Debug)]
pub struct Measure {
    /// The field's word in a filter.
    pub word: &'static str,
    pub title: &'static str,
    scale: fn() -> &'static Scale,
}

/// Number of distributions.
pub const MEASURE_COUNT: usize = 6;

/// Every distribution, in screen order.
pub static MEASURES: [Measure; MEASURE_COUNT] = [
    Measure {
        word: "duration",
        title: "DURATION",
        scale: || &TIME,
    },
    Measure {
        word: "rtt",
        title: "RTT",
        scale: || &TIME,
    },
    Measure {
        word: "connect",
        title: "CONNECT",
        scale: || &TIME,
    },
    Measure {
        word: "bytes",
        title: "BYTES",
        scale: || &BYTES,
    },
    Measure {
        word: "resp",
        title: "RESPONSE",
        scale: || &TIME,
    },
    Measure {
        word: "ourresp",
        title: "OUR RESPONSE",
        scale: || &TIME,
    },
];

impl Measure {
    /// Returns a filter that matches exactly the sessions in a bucket.
    pub fn filter(&self, bucket: &Bucket) -> String {
        let (word, scale) = (self.word, (self.scale)());
        let below = bucket.to.map(|to| format!("{word} < {}", scale.label(to)));
        let from = (bucket.from > 0).then(|| format!("{word} >= {}", scale.label(bucket.from)));
        match (from, below) {
            (Some(from), Some(below)) => format!("{from} and {below}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => format!("{word} >= 0"),
        }
    }
}

/// One histogram per measure.
#[derive(Debug)]
pub struct Spread([(Option<&'static Field>, Histogram); MEASURE_COUNT]);

impl Default for Spread {
    fn default() -> Self {
        let histogram = |m: &Measure| (fields::by_word(m.word), Histogram::new((m.scale)()));
        Spread(MEASURES.each_ref().map(histogram))
    }
}

impl Spread {
    /// The histogram of a measure, by its index in [`MEASURES`].
    pub fn histogram(&self, which: usize) -> &Histogram {
        &self.0[which].1
    }

    /// Histograms that count this session, each with the session's value.
    fn each<'a>(
        &'a mut self,
        session: &'a Session,
    ) -> impl Iterator<Item = (&'a mut Histogram, u64)> {
        self.0.iter_mut().filter_map(|(field, histogram)| {
            let field = field.as_ref()?;
            // a lower bound is in no bucket, and the filter of one does not match it
            let is_known = !field.is_bound_of(session);
            match (field.get)(session) {
                Value::Uint(value) if is_known => Some((histogram, value)),
                _ => None,
            }
        })
    }
}

impl Count for Spread {
    fn add(&mut self, session: &Session) {
        self.each(session).for_each(|(h, value)| h.add(value));
    }

    fn remove(&mut self, session: &Session) {
        self.each(session).for_each(|(h, value)| h.remove(value));
    }
}

#[cfg(test)]
impl Spread {
    /// Counts of all buckets.
    pub fn counts(&self) -> Vec<Vec<u64>> {
        let counts = |(_, h): &(_, Histogram)| {
            let buckets = h.buckets(crate::model::histogram::Level::Inner);
            buckets.iter().map(|b| b.count).collect()
        };
        self.0.iter().map(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::histogram::Level;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn filter_of_bucket_matches_exactly_its_sessions() {
        for us in [0, 1, 3, 9, 12, 99, 1_234, 30_000_000, 65_000_000, 1 << 50] {
            let session = Session {
                established_ns: 0,
                end_ns: sample().start_ns + us * 1000,
                tx_bytes: us,
                rx_bytes: 0,
                ..sample()
            };
            let mut spread = Spread::default();
            spread.add(&session);
            for (measure, (_, histogram)) in MEASURES.iter().zip(&spread.0) {
                for level in [Level::Fine, Level::Coarse, Level::Decade] {
                    for bucket in histogram.buckets(level) {
                        let filter = Filter::parse(&measure.filter(&bucket)).expect("a filter");
                        assert_eq!(filter.matches(&session), bucket.count == 1, "{filter:?}");
                    }
                }
            }
        }
    }
}
