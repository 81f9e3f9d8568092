//! Turns of a session: how often the peer answered, and how long each end took.

/// Time in µs in 16 bits: exact up to 2 ms, and up to 0.1 % too short above. The default is none.
///
/// The lower 11 bits are a number, the upper 5 how many bits follow it. Longer times compare as greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortTime(u16);

impl ShortTime {
    /// Takes a time as it is encoded by `shorten()` of `bpf/turns.bpf.h`.
    pub fn from_code(code: u16) -> Self {
        ShortTime(code)
    }

    /// Its encoding.
    pub fn code(self) -> u16 {
        self.0
    }

    /// Encodes a time.
    pub fn new(us: u32) -> Self {
        let bits = (u32::BITS - us.leading_zeros()).saturating_sub(11);
        ShortTime((bits << 11 | us >> bits) as u16)
    }

    pub fn us(self) -> u64 {
        u64::from(self.0 & 0x7ff) << (self.0 >> 11)
    }
}

/// Response times of one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseTimes {
    /// Mean, µs; 0: none is known.
    mean_us: u32,
    max: ShortTime,
    last: ShortTime,
}

impl ResponseTimes {
    /// Creates the figures of `count` response times with this sum.
    pub fn new(sum_us: u64, count: u32, max: ShortTime, last: ShortTime) -> Self {
        let mean = sum_us.checked_div(count.into()).unwrap_or(0);
        ResponseTimes {
            mean_us: u32::try_from(mean).unwrap_or(u32::MAX),
            max,
            last,
        }
    }

    /// The mean, µs, and the encodings of the longest and of the last.
    pub fn codes(&self) -> (u32, u16, u16) {
        (self.mean_us, self.max.code(), self.last.code())
    }

    /// Takes what [`ResponseTimes::codes`] returned.
    pub fn from_codes(mean_us: u32, max: u16, last: u16) -> Self {
        ResponseTimes {
            mean_us,
            max: ShortTime::from_code(max),
            last: ShortTime::from_code(last),
        }
    }

    /// Sets the mean, µs; 0: none is known.
    pub fn set_mean_us(&mut self, mean_us: u32) {
        self.mean_us = mean_us;
    }

    /// Sets the longest, µs.
    pub fn set_max_us(&mut self, max_us: u32) {
        self.max = ShortTime::new(max_us);
    }

    /// Sets the last, µs.
    pub fn set_last_us(&mut self, last_us: u32) {
        self.last = ShortTime::new(last_us);
    }

    /// Returns the mean, µs, if any is known.
    pub fn mean_us(&self) -> Option<u64> {
        (self.mean_us > 0).then_some(self.mean_us.into())
    }

    /// Returns the longest, µs.
    pub fn max_us(&self) -> Option<u64> {
        // encoded, it may be a little less than the mean of equal ones
        Some(self.max.us().max(self.mean_us()?))
    }

    /// Returns the last, µs.
    pub fn last_us(&self) -> Option<u64> {
        self.mean_us().map(|_| self.last.us())
    }
}

/// Turns of a session. A turn is data that arrives after the peer has acknowledged data of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    pub count: u32,
    /// From our last transmission to the first data of the peer's answer: with one round trip.
    pub peer: ResponseTimes,
    /// From the arrival of the peer's data to our answer.
    pub ours: ResponseTimes,
    /// From the end of the handshake to the first read, µs; 0: nothing was read.
    pub first_data_us: u32,
}

/// Pause before the next question up to which it is asked at once, µs.
const AT_ONCE_US: u64 = 50_000;
/// Difference up to which two waits are equally long: a share of them, and µs.
const EQUAL: f64 = 0.03;
const EQUAL_US: u64 = 120_000;

/// True if the client looks like one that waits for an event, with a time limit: it asks again at once, and waits as long as
/// before. `before_us` and `us` are its last two waits, `pause_us` the time between an answer and the next question. The first
/// wait of a session tells nothing while it is open.
pub fn is_poll(is_open: bool, before_us: Option<u64>, us: u64, pause_us: Option<u64>) -> bool {
    let Some(before_us) = before_us else {
        return is_open;
    };
    let difference = us.abs_diff(before_us);
    let is_equal = difference <= EQUAL_US || difference as f64 <= us as f64 * EQUAL;
    is_equal && pause_us.is_some_and(|pause| pause <= AT_ONCE_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_time_is_exact_to_a_thousandth_and_keeps_the_order(a in any::<u32>(), b in any::<u32>(), shift in 0..32_u32) {
            let (a, b) = (a >> shift, b >> shift);
            let short = ShortTime::new(a).us();
            prop_assert!(short <= a.into() && short >= u64::from(a) * 1023 / 1024, "{a}: {short}");
            if a <= b {
                prop_assert!(ShortTime::new(a) <= ShortTime::new(b));
            }
        }
    }

    #[test]
    fn response_times_without_samples_are_missing() {
        let none = ResponseTimes::default();
        assert_eq!(
            (none.mean_us(), none.max_us(), none.last_us()),
            (None, None, None)
        );
        let max = ShortTime::new(10_001);
        let equal = ResponseTimes::new(20_002, 2, max, max);
        assert_eq!(equal.mean_us(), Some(10_001));
        assert_eq!(
            equal.max_us(),
            Some(10_001),
            "the encoded maximum is 10,000"
        );
    }
}
