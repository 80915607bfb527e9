//! Text for people: harmless, at most [`WIDTH`] columns wide, with colours where they are wanted.

use std::fmt::Write as _;

use anstyle::Style;
use textwrap::core::display_width;

use super::{BAD, LABEL, STRONG, Stage, printable};
use crate::chosen;
use crate::judge::finding::quoted;
use crate::judge::{Finding, Remedy};

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

    /// The same, one level deeper.
    pub(crate) fn nested(&mut self, pieces: &[(Style, &str)]) {
        self.wrapped(6, 8, pieces);
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

    /// A line with an id to copy. It is never broken.
    pub(crate) fn id(&mut self, label: Style, name: &str, id: &str) {
        let name = printable::text(name);
        self.text.push_str("  ");
        self.switch(Style::new(), label);
        self.text.push_str(&name);
        self.switch(label, Style::new());
        self.text.push_str(&format!(" {}\n", printable::text(id)));
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A table of columns with headings. A cell that would make a line too long is shortened: what
    /// is cut is in the JSON.
    pub(crate) fn grid(&mut self, heading: Style, headings: &[&str], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| printable::text(cell)).collect())
            .collect();
        let longest = |column: usize, heading: &str| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell| display_width(cell));
            widths.max().unwrap_or_default().max(heading.len())
        };
        let mut widths: Vec<usize> = headings
            .iter()
            .enumerate()
            .map(|(n, heading)| longest(n, heading))
            .collect();
        // The widest column gives way.
        let gaps = 2 * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(WIDTH);
        while excess > 0 {
            let Some(widest) = widths.iter_mut().max() else {
                break;
            };
            *widest -= 1;
            excess -= 1;
        }
        let headings: Vec<String> = headings.iter().map(|text| (*text).to_owned()).collect();
        self.row(heading, &headings, &widths);
        for row in &rows {
            self.row(Style::new(), row, &widths);
        }
    }

    fn row(&mut self, style: Style, cells: &[String], widths: &[usize]) {
        let cells = cells.iter().zip(widths).map(|(cell, width)| {
            let cell = shortened(cell, *width);
            let padding = width.saturating_sub(display_width(&cell));
            format!("{cell}{}", " ".repeat(padding))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        self.switch(Style::new(), style);
        self.text.push_str(line.trim_end());
        self.switch(style, Style::new());
        self.text.push('\n');
    }

    /// A command to copy: its words as a shell reads them. A long one goes on in the next lines,
    /// with a backslash before each line break. A word is never broken.
    fn command(&mut self, indentation: usize, words: &[String]) {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.shell_words(indentation, &words);
    }

    /// The same of words that a shell can read already. An option stays with its values where it
    /// can.
    fn shell_words(&mut self, indentation: usize, words: &[String]) {
        let words: Vec<String> = words.iter().map(|word| printable::text(word)).collect();
        let mut parts: Vec<&[String]> = words.chunk_by(|_, next| !next.starts_with("--")).collect();
        let width =
            |part: &[String]| -> usize { part.iter().map(|word| display_width(word) + 1).sum() };
        // A part that fits in no line is broken between its words.
        let most = WIDTH - indentation - 5;
        parts = parts
            .into_iter()
            .flat_map(|part| part.chunks(if width(part) > most { 1 } else { part.len() }))
            .collect();
        let mut line = " ".repeat(indentation);
        for (n, part) in parts.iter().enumerate() {
            // Room for a space and a backslash.
            if n > 0 && display_width(&line) + width(part) + 2 > WIDTH {
                self.text.push_str(&line);
                self.text.push_str("\\\n");
                line = " ".repeat(indentation + 4);
            }
            for word in *part {
                line.push_str(word);
                line.push(' ');
            }
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// What is wrong, how it shows, and what mends it.
    pub(crate) fn finding(&mut self, finding: &Finding) {
        let group = finding.group.as_deref().map(|group| format!("{group}:"));
        let mut pieces = vec![(Style::new(), "-")];
        pieces.extend(group.as_deref().map(|group| (STRONG, group)));
        pieces.push((Style::new(), &finding.problem));
        self.wrapped(0, 2, &pieces);
        let told = [("where:", &finding.place), ("why:", &finding.why)];
        for (name, text) in told {
            if let Some(text) = text {
                self.wrapped(2, 4, &[(LABEL, name), (Style::new(), text)]);
            }
        }
        for evidence in &finding.evidence {
            self.wrapped(2, 4, &[(Style::new(), evidence)]);
        }
        for remedy in &finding.remedy {
            self.remedy(remedy);
        }
    }

    /// What mends something: words, or a command to copy.
    pub(crate) fn remedy(&mut self, remedy: &Remedy) {
        match remedy {
            Remedy::Do(text) => self.wrapped(2, 4, &[(LABEL, "do:"), (Style::new(), text)]),
            Remedy::Run(words) => self.command(6, &chosen::with_options(words)),
            Remedy::Shell(words) => self.shell_words(6, &chosen::with_quoted_options(words)),
        }
    }

    /// What is left as it is, each with the reason; nothing if there is none.
    pub(crate) fn left<'a>(&mut self, items: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (number, (id, reason)) in items.into_iter().enumerate() {
            if number == 0 {
                self.paragraph(&[(BAD, "Left as they are:")]);
            }
            let id = format!("{id}:");
            self.indented(&[(STRONG, &id), (Style::new(), reason)]);
        }
    }

    /// How to have it done, of what is only said.
    pub(crate) fn ask(&mut self, stage: Stage) {
        self.blank();
        if stage == Stage::Proposed {
            self.paragraph(&[(STRONG, "Nothing is changed yet. To do it, add --yes.")]);
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

/// The text in at most `width` columns. Its middle is cut: names that begin alike end in what tells
/// them apart.
fn shortened(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let head = fitting(text.chars(), room.div_ceil(2));
    let tail = fitting(
        text.chars().rev(),
        room.saturating_sub(display_width(&head)),
    );
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

/// As many of the first characters as have room.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut short = String::new();
    for character in characters {
        short.push(character);
        if display_width(&short) > room {
            short.pop();
            break;
        }
    }
    short
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
