//! What a cluster holds, and its lists: in pages, each list of one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::contents::Contents;

/// Objects of one kind.
#[derive(Clone)]
pub(super) enum Objects {
    Stored(Arc<Vec<Value>>),
    /// A number of objects, each generated when it is listed, so that a large cluster needs no
    /// memory.
    Generated(usize, Arc<dyn Fn(usize) -> String + Send + Sync>),
}

impl Objects {
    fn len(&self) -> usize {
        match self {
            Self::Stored(objects) => objects.len(),
            Self::Generated(count, _) => *count,
        }
    }

    /// The JSON of the objects at these positions.
    fn page(&self, from: usize, to: usize) -> Vec<String> {
        match self {
            Self::Stored(objects) => {
                let page = objects.get(from..to).unwrap_or_default();
                page.iter().map(Value::to_string).collect()
            }
            Self::Generated(_, make) => (from..to).map(|at| make(at)).collect(),
        }
    }
}

impl From<Vec<Value>> for Objects {
    fn from(objects: Vec<Value>) -> Self {
        Self::Stored(Arc::new(objects))
    }
}

/// Why there is no next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageError {
    /// The continue token is not valid.
    InvalidToken,
    /// The snapshot has expired.
    Expired,
}

/// The nodes and pods of a cluster, and the snapshots of its lists.
pub(super) struct Lists {
    pub(super) nodes: Objects,
    /// Nodes that exist, but joined too late for the list.
    pub(super) unlisted_nodes: Vec<Value>,
    pub(super) pods: Objects,
    snapshots: BTreeMap<u64, Objects>,
    next_snapshot: u64,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            nodes: Vec::new().into(),
            unlisted_nodes: Vec::new(),
            pods: Vec::new().into(),
            snapshots: BTreeMap::new(),
            next_snapshot: 1,
        }
    }
}

impl Lists {
    /// Replaces the nodes and pods. Lists that have begun keep their snapshot.
    pub(super) fn set_contents(&mut self, contents: Contents) {
        self.nodes = contents.nodes.into();
        self.pods = contents.pods.into();
    }

    /// Expires all snapshots.
    pub(super) fn forget_snapshots(&mut self) {
        self.snapshots.clear();
    }

    /// The node with this name, listed or not.
    pub(super) fn node(&self, name: &str) -> Option<&Value> {
        let listed: &[Value] = match &self.nodes {
            Objects::Stored(nodes) => nodes,
            Objects::Generated(..) => &[],
        };
        let named = |node: &&Value| node.pointer("/metadata/name") == Some(&Value::from(name));
        listed.iter().chain(&self.unlisted_nodes).find(named)
    }

    /// The first page of a list of the current `objects`.
    pub(super) fn first_page(&mut self, objects: Objects, limit: usize) -> String {
        let snapshot = self.next_snapshot;
        self.next_snapshot += 1;
        let page = page(&objects, snapshot, 0, limit);
        if limit < objects.len() {
            self.snapshots.insert(snapshot, objects);
        }
        page
    }

    /// The page of a continue token.
    pub(super) fn next_page(&self, token: &str, limit: usize) -> Result<String, PageError> {
        let (snapshot, from) = read_token(token).ok_or(PageError::InvalidToken)?;
        let objects = self.snapshots.get(&snapshot).ok_or(PageError::Expired)?;
        Ok(page(objects, snapshot, from, limit))
    }
}

fn page(objects: &Objects, snapshot: u64, from: usize, limit: usize) -> String {
    let to = from.saturating_add(limit).min(objects.len());
    let next = if to < objects.len() {
        write_token(snapshot, to)
    } else {
        String::new()
    };
    let metadata = json!({ "resourceVersion": snapshot.to_string(), "continue": next });
    format!(
        r#"{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":[{}]}}"#,
        objects.page(from, to).join(",")
    )
}

/// A continue token. It contains characters that a URL must encode.
fn write_token(snapshot: u64, from: usize) -> String {
    format!("{}+/=&", STANDARD.encode(format!("{snapshot}:{from}")))
}

fn read_token(token: &str) -> Option<(u64, usize)> {
    let plain = STANDARD.decode(token.strip_suffix("+/=&")?).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (snapshot, from) = plain.split_once(':')?;
    Some((snapshot.parse().ok()?, from.parse().ok()?))
}
