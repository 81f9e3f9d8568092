//! Probability that a difference is chance: tail probabilities, and their limit when many differences are tested.

/// Returns the probability of a Student's t of at least `t`, with so many degrees of freedom.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    let tail = beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0;
    if t < 0.0 { 1.0 - tail } else { tail }
}

/// Returns the probability of at least `hits` in `n` trials that each hit with probability `p`.
pub fn binomial_tail(hits: u64, n: u64, p: f64) -> f64 {
    match hits {
        0 => 1.0,
        _ => beta(p, hits as f64, (n.saturating_sub(hits) + 1) as f64),
    }
}

/// Returns the probability that a sample of `drawn` out of `all` has at least `hits` of the `marked` ones. 1 if that is no more
/// than their share.
pub fn hypergeometric_tail(hits: u64, marked: u64, drawn: u64, all: u64) -> f64 {
    /// Share of the sum below which the next terms do not matter.
    const NEGLIGIBLE: f64 = 1e-9;
    let [h, m, n, a] = [hits, marked, drawn, all].map(|count| count as f64);
    if h * a <= m * n {
        return 1.0;
    }
    if hits > marked.min(drawn) {
        return 0.0;
    }
    let ln_ways = |of: f64, take: f64| {
        libm::lgamma(of + 1.0) - libm::lgamma(take + 1.0) - libm::lgamma(of - take + 1.0)
    };
    let mut term = (ln_ways(m, h) + ln_ways(a - m, n - h) - ln_ways(a, n)).exp();
    let (mut sum, mut at) = (0.0, h);
    // beyond the share they only get smaller
    while term > sum * NEGLIGIBLE {
        sum += term;
        term *= (m - at) * (n - at) / ((at + 1.0) * (a - m - n + at + 1.0));
        at += 1.0;
    }
    sum.min(1.0)
}

/// Returns the greatest of the probabilities that still counts as found, so that at most a share of `rate` of all that
/// is found is chance (Benjamini and Hochberg). `tested` is the number of tests, of which `small` are the
/// probabilities of at most `rate`.
pub fn discovery_limit(small: &mut [f64], tested: usize, rate: f64) -> f64 {
    small.sort_unstable_by(f64::total_cmp);
    let step = rate / tested.max(1) as f64;
    let ranked = small.iter().enumerate().rev();
    let mut found = ranked.filter(|(i, p)| **p <= (i + 1) as f64 * step);
    found.next().map_or(0.0, |(_, p)| *p)
}

/// The regularized incomplete beta function, by its continued fraction (DLMF 8.17.22).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // the fraction converges fast only on this side of the mean
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let ln_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    (ln_front.exp() / a / fraction(x, a, b)).clamp(0.0, 1.0)
}

/// The denominator of the continued fraction, evaluated from the front (Lentz).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const STEPS: u32 = 500;
    const ENOUGH: f64 = 1e-12;
    let away_from_0 = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 1..=STEPS {
        let m = f64::from(step / 2);
        let term = match step % 2 {
            0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        d = 1.0 / away_from_0(1.0 + term * d);
        c = away_from_0(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < ENOUGH {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, should: f64) -> bool {
        (value - should).abs() <= should * 1e-6
    }

    /// The tail by its definition.
    fn summed(hits: u64, n: u64, p: f64) -> f64 {
        let chance = |k: u64| {
            let ways = (0..k).map(|i| (n - i) as f64 / (k - i) as f64);
            ways.product::<f64>() * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
        };
        (hits..=n).map(chance).sum()
    }

    #[test]
    fn binomial_tail_matches_its_definition() {
        for n in [1, 5, 40, 200] {
            for p in [0.01, 0.25, 0.5, 0.9] {
                for hits in [0, 1, n / 3, n / 2, n] {
                    let (is, should) = (binomial_tail(hits, n, p), summed(hits, n, p));
                    assert!(near(is, should), "{hits} of {n} at {p}: {is}, not {should}");
                }
            }
        }
        // many, as of a busy port
        assert!(near(binomial_tail(500_000, 1_000_000, 0.5), 0.500_399));
    }

    #[test]
    fn hypergeometric_tail_matches_its_definition() {
        let ways = |of: u64, take: u64| -> f64 {
            (0..take)
                .map(|i| (of - i) as f64 / (take - i) as f64)
                .product()
        };
        for (marked, drawn, all) in [(9, 10, 20), (12, 10, 20), (3, 5, 40), (30, 200, 400)] {
            for hits in 1..=std::cmp::min(marked, drawn) {
                let is = hypergeometric_tail(hits, marked, drawn, all);
                if hits * all <= marked * drawn {
                    assert_eq!(is, 1.0);
                    continue;
                }
                let chance = |k| ways(marked, k) * ways(all - marked, drawn - k) / ways(all, drawn);
                let should: f64 = (hits..=std::cmp::min(marked, drawn)).map(chance).sum();
                assert!(near(is, should), "{hits} of {marked}: {is}, not {should}");
            }
        }
        assert_eq!(hypergeometric_tail(6, 5, 10, 20), 0.0);
    }

    #[test]
    fn student_tail_matches_known_quantiles() {
        // one-sided quantiles as in printed tables, and the normal distribution far out
        for (t, freedom, tail) in [
            (6.313_752, 1.0, 0.05),
            (2.763_769, 10.0, 0.01),
            (1.812_461, 10.0, 0.05),
            (0.0, 7.0, 0.5),
            (-1.812_461, 10.0, 0.95),
        ] {
            let is = student_tail(t, freedom);
            assert!(
                (is - tail).abs() < 1e-6,
                "{t} at {freedom}: {is}, not {tail}"
            );
        }
        assert!((student_tail(3.0, 1e7) - 0.001_349_9).abs() < 1e-6);
    }

    #[test]
    fn discovery_limit_is_stricter_the_more_is_tested() {
        let limit = |ps: &[f64], tested| discovery_limit(&mut ps.to_vec(), tested, 0.01);
        assert_eq!(limit(&[0.001], 1), 0.001);
        assert_eq!(limit(&[0.001], 10), 0.001);
        assert_eq!(limit(&[0.001], 11), 0.0);
        // several that are as unlikely support each other
        assert_eq!(limit(&[0.001, 0.002, 0.001], 11), 0.002);
        assert_eq!(limit(&[], 5000), 0.0);
        // chance alone: evenly spread
        let even: Vec<f64> = (1..5000).map(|i| f64::from(i) / 5000.0).collect();
        assert_eq!(limit(&even, 5000), 0.0);
    }
}
