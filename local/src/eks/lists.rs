//! What a cluster holds, and its lists: in pages, each list of one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::contents::Contents;
use super::watch::WatchCache;

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

/// Why a node is not patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchError {
    /// There is no such node.
    NotFound,
    /// The patch is for another version of the node.
    Conflict,
}

/// The nodes, pods and Services of a cluster, and the snapshots of its lists.
pub(super) struct Lists {
    pub(super) nodes: Objects,
    /// Nodes that exist, but joined too late for the list.
    pub(super) unlisted_nodes: Vec<Value>,
    pub(super) pods: Objects,
    pub(super) services: Objects,
    pub(super) pod_events: WatchCache,
    snapshots: BTreeMap<u64, Objects>,
    next_snapshot: u64,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            nodes: Vec::new().into(),
            unlisted_nodes: Vec::new(),
            pods: Vec::new().into(),
            services: Vec::new().into(),
            pod_events: WatchCache::default(),
            snapshots: BTreeMap::new(),
            next_snapshot: 1,
        }
    }
}

impl Lists {
    /// Replaces the nodes, pods and Services. Lists that have begun keep their snapshot.
    pub(super) fn set_contents(&mut self, contents: Contents) {
        self.nodes = contents.nodes.into();
        self.pods = contents.pods.into();
        self.services = contents.services.into();
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

    /// Changes a node by a JSON merge patch (RFC 7386), and returns it with a new version. A patch
    /// with `metadata.resourceVersion` is for that version only (Kubernetes API Concepts, "Resource
    /// versions" and "Update mechanism using patch").
    pub(super) fn patch_node(&mut self, name: &str, patch: &Value) -> Result<Value, PatchError> {
        let mut node = self.node(name).cloned().ok_or(PatchError::NotFound)?;
        const VERSION: &str = "/metadata/resourceVersion";
        let version = node.pointer(VERSION).cloned().unwrap_or_default();
        let wanted = patch.pointer(VERSION).filter(|wanted| !wanted.is_null());
        if wanted.is_some_and(|wanted| *wanted != version) {
            return Err(PatchError::Conflict);
        }
        merge(&mut node, patch);
        let version = version.as_str().and_then(|version| version.parse().ok());
        let next = version.unwrap_or(0_u64) + 1;
        let version = json!({ "metadata": { "resourceVersion": next.to_string() } });
        merge(&mut node, &version);
        let named = |node: &Value| node.pointer("/metadata/name") == Some(&Value::from(name));
        let mut listed = match &self.nodes {
            Objects::Stored(nodes) => nodes.to_vec(),
            Objects::Generated(..) => Vec::new(),
        };
        let unlisted = self.unlisted_nodes.iter_mut();
        if let Some(found) = listed.iter_mut().chain(unlisted).find(|node| named(node)) {
            *found = node.clone();
        }
        if let Objects::Stored(nodes) = &mut self.nodes {
            *nodes = Arc::new(listed);
        }
        Ok(node)
    }

    /// The first page of a list of the current `objects`.
    pub(super) fn first_page(&mut self, objects: Objects, limit: usize) -> String {
        // A list is not older than what happened before it.
        let snapshot = self.next_snapshot.max(self.pod_events.newest());
        self.next_snapshot = snapshot + 1;
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

/// RFC 7386, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.remove(key)),
            value => merge(target.entry(key.clone()).or_insert(Value::Null), value),
        }
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
