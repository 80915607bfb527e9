//! What text for people is like.

use super::*;
use crate::output::BAD;

fn page(colours: bool, pieces: &[(Style, &str)]) -> String {
    let mut page = Page::new(colours);
    page.paragraph(pieces);
    page.into_text()
}

#[test]
fn long_text_is_wrapped_to_the_width() {
    let words = "word ".repeat(60);
    let id = "i-".repeat(150);
    for text in [words.as_str(), id.as_str()] {
        let text = page(false, &[(BAD, "error:"), (Style::new(), text)]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() > 1, "{text}");
        for line in lines {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}

#[test]
fn wide_characters_count_as_two_columns() {
    let text = page(false, &[(Style::new(), &"大".repeat(80))]);
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(WIDTH / 2), "{text}");
}

#[test]
fn escape_sequences_in_a_piece_do_not_reach_the_page() {
    let text = page(false, &[(BAD, "\u{1b}[32mtag\u{1b}[0m"), (LABEL, "x\u{7}")]);
    assert_eq!(text, "tag x\n");
}

#[test]
fn each_piece_has_its_style_and_only_with_colours() {
    let pieces = [(BAD, "error:"), (Style::new(), "no file")];
    assert_eq!(page(false, &pieces), "error: no file\n");
    let expected = format!("{BAD}error:{BAD:#} no file\n");
    // The style ends at the next character that has another one.
    let found = page(true, &pieces);
    assert_eq!(
        found.replace(&format!(" {BAD:#}"), &format!("{BAD:#} ")),
        expected
    );
}

#[test]
fn every_line_of_a_wrapped_style_starts_and_ends_it() {
    let text = page(true, &[(BAD, &"word ".repeat(40))]);
    assert!(text.lines().count() > 1, "{text}");
    for line in text.lines() {
        assert_eq!(line.matches(&BAD.to_string()).count(), 1, "{line:?}");
        assert!(line.ends_with(&format!("{BAD:#}")), "{line:?}");
    }
}

#[test]
fn table_lines_up_its_values() {
    let mut page = Page::new(false);
    page.table(LABEL, &[("ARN", "arn:x"), ("Account", "123")]);
    assert_eq!(page.into_text(), "ARN      arn:x\nAccount  123\n");
}

#[test]
fn grid_lines_up_its_columns_and_shortens_the_widest() {
    let mut page = Page::new(false);
    let long = "upf-".repeat(40);
    page.grid(
        LABEL,
        &["GROUP", "N"],
        &[
            vec!["大".to_owned(), "7".to_owned()],
            vec![long, "\u{1b}[1m8".to_owned()],
        ],
    );
    let text = page.into_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.iter().all(|line| display_width(line) <= WIDTH),
        "{text}"
    );
    let columns: Vec<usize> = ["N", "7", "8"]
        .iter()
        .zip(&lines)
        .map(|(cell, line)| display_width(line.split_once(cell).unwrap().0))
        .collect();
    assert_eq!(columns, [99, 99, 99], "{text}");
    assert!(lines[2].contains('…'), "{text}");
}

#[test]
fn long_command_is_continued_and_reads_as_the_same_words() {
    let words: Vec<String> = (0..30)
        .map(|n| format!("--option-{n} 'value'"))
        .chain(["x".repeat(120)])
        .collect();
    let mut page = Page::new(false);
    page.command(6, &words);
    let text = page.into_text();
    assert!(text.lines().count() > 5, "{text}");
    for line in text.lines().filter(|line| !line.contains("xxx")) {
        assert!(line.len() <= WIDTH, "{line}");
    }
    assert_eq!(shlex::split(&text.replace("\\\n", "")).unwrap(), words);
}

#[test]
fn middle_of_a_long_cell_is_cut() {
    let name = |end: &str| format!("eks-default-12345678-{end}");
    assert_eq!(shortened(&name("aaaa"), 13), "eks-de…8-aaaa");
    assert_ne!(shortened(&name("aaaa"), 13), shortened(&name("bbbb"), 13));
    assert_eq!(shortened("short", 5), "short");
    assert!(display_width(&shortened(&"大".repeat(9), 8)) <= 8);
}
