//! Reads EC2's answers.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element with its children and its text.
#[derive(Debug, Default)]
pub(super) struct Element {
    name: String,
    children: Vec<Element>,
    text: String,
}

impl Element {
    /// Parses a document, and returns its root. What cannot be parsed is an empty element.
    pub(super) fn parse(document: &str) -> Self {
        let mut reader = Reader::from_str(document);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => open.push(Self {
                    name: start.name().as_ref().to_owned(),
                    ..Self::default()
                }),
                Ok(Event::Text(text)) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Ok(Event::End(_)) => {
                    if let Some(closed) = open.pop()
                        && let Some(parent) = open.last_mut()
                    {
                        parent.children.push(closed);
                    }
                }
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let document = open.into_iter().next().unwrap_or_default();
        document.children.into_iter().next().unwrap_or_default()
    }

    /// The child with this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the child with this name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        Some(self.child(name)?.text.as_str())
    }

    /// The items of the list with this name.
    pub(super) fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.child(name)
            .into_iter()
            .flat_map(|list| list.children.iter())
    }
}
