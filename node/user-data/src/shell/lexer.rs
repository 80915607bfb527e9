//! A script's text as simple commands. Any text is one; nothing recurses.

use super::command::{Command, Document, Joint};
use super::word::{Piece, Word, variable};

/// Reads a script. At most `limit` commands, and whether that was all.
pub(crate) fn commands(text: &str, limit: usize) -> (Vec<Command>, bool) {
    let text = text.replace("\r\n", "\n");
    let mut lexer = Lexer::new(&text);
    while !lexer.rest.is_empty() && lexer.commands.len() < limit {
        lexer.step();
    }
    let is_all = lexer.rest.is_empty();
    lexer.end_command(Joint::Next);
    lexer.read_documents();
    (lexer.commands, is_all)
}

/// A document whose text follows after the line.
struct Awaited {
    /// The command that it is for; those before it are complete.
    command: usize,
    end: String,
    is_filled: bool,
    strips_tabs: bool,
}

struct Lexer<'a> {
    rest: &'a str,
    commands: Vec<Command>,
    current: Command,
    word: Word,
    in_word: bool,
    /// What the next word is: not a word of the command, but where its output goes.
    output: Option<bool>,
    /// The array that is being read, and the word that it is for.
    array: Option<(Word, Vec<Word>)>,
    awaited: Vec<Awaited>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            commands: Vec::new(),
            current: Command::empty(Joint::Next),
            word: Word::default(),
            in_word: false,
            output: None,
            array: None,
            awaited: Vec::new(),
        }
    }

    fn step(&mut self) {
        let mut characters = self.rest.chars();
        let Some(one) = characters.next() else { return };
        let after = characters.as_str();
        match one {
            '\n' => {
                self.rest = after;
                if self.array.is_some() {
                    self.end_word();
                } else {
                    self.end_command(Joint::Next);
                    self.read_documents();
                }
            }
            ' ' | '\t' => {
                self.rest = after;
                self.end_word();
            }
            '#' if !self.in_word => {
                self.rest = after.find('\n').map_or("", |end| after.split_at(end).1);
            }
            '\\' => {
                let next = characters.next();
                self.rest = characters.as_str();
                match next {
                    None | Some('\n') => {}
                    Some(next) => self.push(next),
                }
            }
            '\'' => {
                let (quoted, rest) = after.split_once('\'').unwrap_or((after, ""));
                self.push_text(quoted);
                self.rest = rest;
            }
            '"' => self.double_quoted(after),
            '`' => {
                self.push_piece(Piece::Unknown);
                self.rest = after.split_once('`').map_or("", |(_, rest)| rest);
            }
            '$' => self.dollar(after, false),
            ';' | '&' | '|' => self.joint(one, after),
            '<' | '>' => self.redirection(one, after),
            '(' if self.array.is_none() && self.begins_array() => {
                self.rest = after;
                self.array = Some((std::mem::take(&mut self.word), Vec::new()));
                self.in_word = false;
            }
            ')' if self.array.is_some() => {
                self.rest = after;
                self.end_word();
                if let Some((mut word, words)) = self.array.take() {
                    word.array = Some(words);
                    self.current.words.push(word);
                }
            }
            '(' | ')' => {
                self.rest = after;
                self.end_command(Joint::Next);
            }
            one => {
                self.rest = after;
                self.push(one);
            }
        }
    }

    fn begins_array(&self) -> bool {
        matches!(self.word.pieces.as_slice(), [Piece::Text(text)] if text.ends_with('='))
    }

    fn double_quoted(&mut self, after: &'a str) {
        self.push_text("");
        self.rest = after;
        loop {
            let Some(at) = self.rest.find(['"', '\\', '$', '`']) else {
                let rest = std::mem::take(&mut self.rest);
                self.push_text(rest);
                return;
            };
            let (before, from) = self.rest.split_at(at);
            self.push_text(before);
            let mut characters = from.chars();
            let one = characters.next();
            let after = characters.as_str();
            match one {
                Some('\\') => {
                    match characters.next() {
                        Some(next @ ('"' | '\\' | '$' | '`')) => self.push(next),
                        Some('\n') | None => {}
                        Some(next) => {
                            self.push('\\');
                            self.push(next);
                        }
                    }
                    self.rest = characters.as_str();
                }
                Some('$') => self.dollar(after, true),
                Some('`') => {
                    self.push_piece(Piece::Unknown);
                    self.rest = after.split_once('`').map_or("", |(_, rest)| rest);
                }
                _ => {
                    self.rest = after;
                    return;
                }
            }
        }
    }

    fn dollar(&mut self, after: &'a str, is_quoted: bool) {
        let (piece, rest) = variable(after, is_quoted);
        match piece {
            Some(piece) => self.push_piece(piece),
            None => self.push('$'),
        }
        self.rest = rest;
    }

    fn joint(&mut self, one: char, after: &'a str) {
        let doubled = after.strip_prefix(one);
        self.rest = doubled.unwrap_or(after);
        // `&>` and `2>&1` are redirections.
        if one == '&' && doubled.is_none() && after.starts_with('>') {
            return;
        }
        self.end_command(match (one, doubled.is_some()) {
            ('&', true) => Joint::And,
            ('|', true) => Joint::Or,
            ('|', false) => Joint::Pipe,
            _ => Joint::Next,
        });
    }

    fn redirection(&mut self, one: char, after: &'a str) {
        // The number of a stream: `2>`.
        if let [Piece::Text(text)] = self.word.pieces.as_slice()
            && text.len() == 1
            && text.starts_with(|digit: char| digit.is_ascii_digit())
        {
            let is_output = text == "1";
            self.word = Word::default();
            self.in_word = false;
            if one == '>' && !is_output {
                self.rest = after.trim_start_matches(['>', '&', ' ']);
                self.output = Some(false);
                self.skip_target();
                return;
            }
        }
        self.end_word();
        if let Some(inner) = after.strip_prefix('(') {
            // `>(tee log)`: a command's input or output.
            self.rest = after_bracket(inner);
            self.output = None;
            return;
        }
        if one == '>' {
            let appended = after.strip_prefix('>');
            self.rest = appended.unwrap_or(after).trim_start_matches(['|', '&']);
            self.output = Some(appended.is_some());
            return;
        }
        match after.strip_prefix('<') {
            // `<<<`: a word.
            Some(text) if text.starts_with('<') => self.rest = text.trim_start_matches('<'),
            Some(text) => self.await_document(text),
            None => {
                self.rest = after;
                self.output = Some(false);
                self.skip_target();
            }
        }
    }

    /// The next word is a file or a stream that does not matter.
    fn skip_target(&mut self) {
        self.output = None;
        let rest = self.rest.trim_start_matches([' ', '\t']);
        let end = rest.find(|one: char| one.is_whitespace() || ";|&<>()".contains(one));
        self.rest = rest.split_at(end.unwrap_or(rest.len())).1;
    }

    fn await_document(&mut self, text: &'a str) {
        let (text, strips_tabs) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let text = text.trim_start_matches([' ', '\t']);
        let end = text.find(|one: char| one.is_whitespace() || ";|&<>()".contains(one));
        let (end, rest) = text.split_at(end.unwrap_or(text.len()));
        self.rest = rest;
        let is_quoted = end.contains(['\'', '"', '\\']);
        self.awaited.push(Awaited {
            command: self.commands.len(),
            end: end.replace(['\'', '"', '\\'], ""),
            is_filled: !is_quoted,
            strips_tabs,
        });
    }

    /// Reads the documents that the line before announced.
    fn read_documents(&mut self) {
        for awaited in std::mem::take(&mut self.awaited) {
            let mut text = String::new();
            while !self.rest.is_empty() {
                let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
                self.rest = rest;
                let line = match awaited.strips_tabs {
                    true => line.trim_start_matches('\t'),
                    false => line,
                };
                if line == awaited.end {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            if let Some(command) = self.commands.get_mut(awaited.command) {
                command.input = Some(Document {
                    text,
                    is_filled: awaited.is_filled,
                });
            }
        }
    }

    fn push(&mut self, one: char) {
        self.in_word = true;
        match self.word.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(one),
            _ => self.word.pieces.push(Piece::Text(one.to_string())),
        }
    }

    fn push_text(&mut self, text: &str) {
        self.in_word = true;
        match self.word.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.word.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    fn push_piece(&mut self, piece: Piece) {
        self.in_word = true;
        self.word.pieces.push(piece);
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.in_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        if let Some((_, words)) = &mut self.array {
            words.push(word);
        } else if let Some(is_appended) = self.output.take() {
            self.current.output = Some((word, is_appended));
        } else {
            self.current.words.push(word);
        }
    }

    fn end_command(&mut self, next: Joint) {
        self.end_word();
        self.output = None;
        if let Some((mut word, words)) = self.array.take() {
            word.array = Some(words);
            self.current.words.push(word);
        }
        let awaits = self
            .awaited
            .last()
            .is_some_and(|one| one.command == self.commands.len());
        let command = std::mem::replace(&mut self.current, Command::empty(next));
        if !command.words.is_empty() || command.output.is_some() || awaits {
            self.commands.push(command);
        }
    }
}

/// What follows the closing bracket.
fn after_bracket(inner: &str) -> &str {
    let mut depth = 0_usize;
    for (at, one) in inner.char_indices() {
        match one {
            '(' => depth += 1,
            ')' if depth == 0 => {
                let rest = inner.split_at(at).1;
                return rest.strip_prefix(')').unwrap_or(rest);
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
