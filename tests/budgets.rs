//! The verdicts of `make bench`, which decide its exit status.

#[path = "../benches/budgets/table.rs"]
mod table;

use table::{Budget, Limit, Short, Spread, Trouble, Verdict, is_met, markdown, text};

fn figure(limit: Limit, rounds: &[f64]) -> Budget {
    Budget::figure("something", limit, "ms", Spread::of(rounds))
}

#[test]
fn verdict_deviation_within_noise_is_not_missed() {
    use Limit::{AtLeast, AtMost};
    for (limit, rounds, verdict) in [
        (AtMost(10.0), &[9.0, 10.0, 30.0][..], Verdict::Met),
        // the quartiles are 9 and 12
        (
            AtMost(9.0),
            &[8.0, 9.0, 10.0, 12.0, 50.0],
            Verdict::WithinNoise,
        ),
        (AtMost(8.4), &[8.0, 9.0, 10.0, 12.0, 50.0], Verdict::Missed),
        (AtLeast(0.97), &[0.98], Verdict::Met),
        (AtLeast(0.97), &[0.95, 0.96, 0.99], Verdict::WithinNoise),
        (AtLeast(0.97), &[0.96], Verdict::Missed),
        (AtMost(0.0), &[0.0], Verdict::Met),
        (AtMost(0.0), &[1.0], Verdict::Missed),
        (AtMost(1.0), &[f64::NAN], Verdict::Missed),
        (Limit::None, &[1e9], Verdict::Compared),
    ] {
        let budget = figure(limit, rounds);
        assert_eq!(budget.verdict(), verdict, "{limit:?} {rounds:?}");
        let bad = verdict == Verdict::Missed;
        assert_eq!(is_met(&[budget]), !bad, "{limit:?} {rounds:?}");
    }
}

#[test]
fn ratio_of_paired_rounds_is_median_of_ratios_per_round() {
    // in the last round, both are twice as slow
    let pairs = [(1.0, 10.0), (2.0, 10.0), (4.0, 20.0)];
    let budget = Budget::ratio("something", Limit::AtMost(0.2), "ns", &pairs);
    assert_eq!(budget.verdict(), Verdict::Met);
    assert_eq!(budget.ratio.map(|r| r.median), Some(0.2));
    assert_eq!(budget.measured.map(|m| m.median), Some(2.0));
}

#[test]
fn is_met_tool_absent_is_true_and_tool_failed_is_false() {
    let without = |trouble| Budget::without("something", Limit::AtMost(1.0), trouble);
    assert!(is_met(&[without(Trouble::Absent)]));
    assert!(!is_met(&[without(Trouble::Failed)]));
}

#[test]
fn table_as_text_and_markdown_shows_figures_and_verdicts() {
    let pairs = [(957.0, 17_824.0)];
    let budgets = [
        Budget::ratio("kernel time per session", Limit::AtMost(0.1), "ns", &pairs),
        figure(Limit::AtMost(16.0), &[20.0]),
        Budget::without("iperf3", Limit::AtLeast(0.99), Trouble::Absent),
    ];
    insta::assert_snapshot!(format!("{}\n{}", text(&budgets), markdown(&budgets)));
}

#[test]
fn short_number_is_rounded_and_grouped_by_thousands() {
    for (number, text) in [
        (0.0, "0"),
        (0.0543, "0.054"),
        (1.0, "1"),
        (9.876, "9.88"),
        (10.04, "10"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (-1_234_567.0, "-1,234,567"),
    ] {
        assert_eq!(Short(number).to_string(), text);
    }
}
