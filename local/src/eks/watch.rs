//! What a watch of the pods returns: the API server's memory of the last changes.
//!
//! As the API server does it (`k8s.io/apiserver`, `storage/cacher`): a watch from a version returns the changes after it; if some of
//! these are forgotten, one event of the type ERROR with a `Status` of the code 410, in an answer with the status 200. A bookmark comes two
//! seconds before the time-out of the watch. Here it comes at once, and the watch ends after it.

use serde_json::{Value, json};

/// The last changes of the pods.
#[derive(Default)]
pub(super) struct WatchCache {
    /// Each `{"type": …, "object": …}`.
    events: Vec<Value>,
    /// A watch from an earlier version fails.
    oldest: u64,
    newest: u64,
    /// How many events a watch gets at most before its time-out.
    most: Option<usize>,
}

impl WatchCache {
    pub(super) fn add(&mut self, event: Value) {
        self.newest = version(&event).unwrap_or(0).max(self.newest);
        self.events.push(event);
    }

    /// Forgets all events so far.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.oldest = self.newest;
    }

    /// Lets each watch get this many events only, as if its time-out came then.
    pub(super) fn limit(&mut self, most: usize) {
        self.most = Some(most);
    }

    /// The version of the newest change.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// The events after a version, in lines. An event without a version is sent to every watch.
    pub(super) fn since(&self, from: u64, bookmarks: bool) -> String {
        if from < self.oldest {
            let message = format!("too old resource version: {from} ({})", self.oldest);
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "Expired", "code": 410,
            });
            return format!("{}\n", json!({ "type": "ERROR", "object": status }));
        }
        let events = self.events.iter();
        let after = events.filter(|event| version(event).is_none_or(|version| version > from));
        let after: Vec<&Value> = after.collect();
        let sent = self.most.unwrap_or(usize::MAX).min(after.len());
        let mut lines: String = after
            .iter()
            .take(sent)
            .map(|event| format!("{event}\n"))
            .collect();
        if bookmarks && sent == after.len() {
            let version = self.newest.max(from).to_string();
            let object = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "resourceVersion": version } });
            lines += &format!("{}\n", json!({ "type": "BOOKMARK", "object": object }));
        }
        lines
    }
}

fn version(event: &Value) -> Option<u64> {
    let version = event.pointer("/object/metadata/resourceVersion")?;
    version.as_str()?.parse().ok()
}
