//! Text for people: harmless, at most [`WIDTH`] columns wide, with colours where they are wanted.

use std::fmt::Write as _;

use anstyle::Style;

use super::printable;

/// The widest line of text, in columns.
pub(crate) const WIDTH: usize = 100;

/// Text that is being written. Every text that is given to it is made harmless.
#[derive(Debug)]
pub(crate) struct Page {
    colours: bool,
    text: String,
}

impl Page {
    pub(crate) fn new(colours: bool) -> Self {
        Self {
            colours,
            text: String::new(),
        }
    }

    /// A paragraph of pieces, with a space between them. Each has a style.
    pub(crate) fn paragraph(&mut self, pieces: &[(Style, &str)]) {
        self.wrapped(0, 2, pieces);
    }

    /// The same, under the paragraph before.
    pub(crate) fn indented(&mut self, pieces: &[(Style, &str)]) {
        self.wrapped(2, 4, pieces);
    }

    /// A table of two columns: labels and values.
    pub(crate) fn table(&mut self, label: Style, rows: &[(&str, &str)]) {
        let widest = rows.iter().map(|(label, _)| label.len()).max();
        let widest = widest.unwrap_or_default();
        for (name, value) in rows {
            let name = format!("{name:widest$} ");
            self.wrapped(0, widest + 2, &[(label, &name), (Style::new(), value)]);
        }
    }

    /// The text, each line with its line break.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Wraps the pieces. `first` is the indentation of the first line, `rest` that of the others,
    /// both in columns.
    fn wrapped(&mut self, first: usize, rest: usize, pieces: &[(Style, &str)]) {
        // The text is wrapped without styles, as these have no width. Then each character gets the
        // style of its piece.
        let pieces: Vec<_> = pieces
            .iter()
            .map(|(style, text)| (*style, printable::text(text)))
            .collect();
        let plain: Vec<_> = pieces.iter().map(|(_, text)| text.as_str()).collect();
        let plain = plain.join(" ");
        let (first, rest) = (" ".repeat(first), " ".repeat(rest));
        let options = textwrap::Options::new(WIDTH)
            // An id or a command stays whole where it can.
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(&first)
            .subsequent_indent(&rest);
        let mut styles = pieces.iter().flat_map(|(style, text)| {
            // The space after a piece has no style.
            let characters = text.chars().filter(|character| *character != ' ');
            characters.map(|_| *style)
        });
        for line in textwrap::wrap(&plain, options) {
            let mut current = Style::new();
            for character in line.chars() {
                // Wrapping removes and adds spaces only, so the other characters keep their order.
                if character != ' ' {
                    let style = styles.next().unwrap_or_default();
                    self.switch(current, style);
                    current = style;
                }
                self.text.push(character);
            }
            self.switch(current, Style::new());
            self.text.push('\n');
        }
    }

    fn switch(&mut self, from: Style, to: Style) {
        if self.colours && from != to {
            // Writing to a String does not fail.
            let _ = write!(self.text, "{from:#}{to}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{BAD, LABEL};

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
}
