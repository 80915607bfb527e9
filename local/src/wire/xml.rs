//! A writer for the XML of the two query protocols: elements, texts and lists.

use std::fmt::{Display, Write};
use std::sync::OnceLock;

use quick_xml::escape::partial_escape;

/// XML under construction.
#[derive(Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// A fragment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A document, with its declaration.
    #[must_use]
    pub fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// `<name>…</name>`, filled by `inner`.
    pub fn element(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.open(name);
        inner(self);
        self.close(name);
    }

    /// `<name xmlns="…">…</name>`, filled by `inner`.
    pub fn element_in(&mut self, name: &str, namespace: &str, inner: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name} xmlns=\"{namespace}\">");
        inner(self);
        self.close(name);
    }

    /// `<name>value</name>`.
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.open(name);
        let start = self.0.len();
        let _ = write!(self.0, "{value}");
        let written = self.0.get(start..).unwrap_or_default();
        if !written.bytes().all(is_plain) {
            let value = self.0.split_off(start);
            let escaped = partial_escape(value.as_str());
            let valid = |c| {
                if is_xml(c) {
                    c
                } else {
                    char::REPLACEMENT_CHARACTER
                }
            };
            self.0.extend(escaped.chars().map(valid));
        }
        self.close(name);
    }

    /// What `inner` writes, which it does only the first time.
    pub(crate) fn once(&mut self, written: &Written, inner: impl FnOnce(&mut Self)) {
        let text = written.0.get_or_init(|| {
            let mut xml = Self::new();
            inner(&mut xml);
            xml.into_string()
        });
        self.raw(text);
    }

    /// [`Xml::text`], if there is a value.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// EC2's lists: `<name><item>…</item>…</name>`.
    pub fn items<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) {
        self.list(name, "item", items, each);
    }

    /// The query protocol's lists: `<name><member>…</member>…</name>`.
    pub fn members<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) {
        self.list(name, "member", items, each);
    }

    /// A list of texts: `<name><item>value</item>…</name>`.
    pub fn texts<T: Display>(
        &mut self,
        name: &str,
        item: &str,
        values: impl IntoIterator<Item = T>,
    ) {
        self.element(name, |xml| {
            for value in values {
                xml.text(item, value);
            }
        });
    }

    /// Adds a finished fragment.
    pub fn raw(&mut self, fragment: &str) {
        self.0.push_str(fragment);
    }

    /// The written XML.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    fn list<T>(
        &mut self,
        name: &str,
        item: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for value in items {
                xml.element(item, |xml| each(xml, value));
            }
        });
    }

    fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }
}

/// Whether a byte stands in XML as it is, and for a character of its own.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b'&')
}

/// Whether XML 1.0 allows the character, escaped or not.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A part of the XML of a resource that rests on the resource alone: written once for all answers that
/// show this version of it. A clone, which is to be changed, has none.
#[derive(Debug, Default)]
pub(crate) struct Written(OnceLock<String>);

impl Clone for Written {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_invalid_characters_are_dropped() {
        let mut xml = Xml::new();
        xml.text("v", "a<b>&\"\0\r");
        assert_eq!(xml.into_string(), "<v>a&lt;b&gt;&amp;\"\u{fffd}&#13;</v>");
    }

    #[test]
    fn lists_of_both_protocols_are_written() {
        let mut xml = Xml::new();
        xml.items("set", [1, 2], |xml, n| xml.text("n", n));
        xml.members("Set", [3], |xml, n| xml.text("N", n));
        xml.texts("names", "item", ["x"]);
        xml.optional("none", None::<u8>);
        assert_eq!(
            xml.into_string(),
            "<set><item><n>1</n></item><item><n>2</n></item></set>\
             <Set><member><N>3</N></member></Set><names><item>x</item></names>"
        );
    }
}
