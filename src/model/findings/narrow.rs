//! Sentences of findings where there is little room.

use unicode_width::UnicodeWidthStr;

/// The sentence in at most `width` cells, if leaving words out is enough for that: first the time that it is about, then its
/// numbers. The program stays, because it is whom one asks next.
pub fn narrow(sentence: &str, width: usize) -> String {
    let untimed = without_time(sentence);
    let (what, numbers) = untimed.split_once(": ").unwrap_or((untimed, ""));
    let who = numbers.rfind(" from ").map_or("", |at| &numbers[at..]);
    // no name of a program is as long
    let who = if who.width() > LONGEST { "" } else { who };
    let short = format!("{what}{who}");
    let forms = [sentence, untimed, &short];
    let fits = |form: &&&str| form.width() <= width;
    if let Some(form) = forms.iter().find(fits) {
        return (*form).to_owned();
    }
    // the name of the subject gives way before the program
    let room = width.saturating_sub(who.width() + 1);
    let least = what.width().min(MUCH);
    if who.is_empty() || room < least {
        return short;
    }
    let mut used = 0;
    let kept = what.chars().take_while(|c| {
        used += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
        used <= room
    });
    format!("{}…{who}", kept.collect::<String>())
}

/// Cells of the longest program, with `and others`.
const LONGEST: usize = 30;
/// Cells of the subject that say more than the program does.
const MUCH: usize = 16;

/// A sentence without the time that it is about, `in 11 s`, and without its network namespace.
fn without_time(sentence: &str) -> &str {
    let (sentence, _) = sentence.split_once(" (network ").unwrap_or((sentence, ""));
    let timed = sentence.strip_suffix(" s").and_then(|text| {
        let text = text.trim_end_matches(|c: char| c.is_ascii_digit());
        text.strip_suffix(" in ")
    });
    timed.unwrap_or(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_with_less_room_loses_time_and_numbers_and_keeps_the_program() {
        let refused = "10.0.0.8:5432 refuses connections: 12 of 12 from api in 11 s";
        for (width, text) in [
            (60, refused),
            (59, "10.0.0.8:5432 refuses connections: 12 of 12 from api"),
            (51, "10.0.0.8:5432 refuses connections from api"),
            (41, "10.0.0.8:5432 refuses connectio… from api"),
            (26, "10.0.0.8:5432 re… from api"),
        ] {
            assert_eq!(narrow(refused, width), text, "{width}");
        }
        let elsewhere = format!("{refused} (network namespace 4026532001)");
        assert_eq!(
            narrow(&elsewhere, 80),
            "10.0.0.8:5432 refuses connections: 12 of 12 from api"
        );
        let without = "5 sessions missed in 10 s: figures are too low";
        assert_eq!(narrow(without, 30), "5 sessions missed in 10 s");
    }
}
