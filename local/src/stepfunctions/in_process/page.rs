//! The pages of a list (Step Functions API Reference, ListExecutions and GetExecutionHistory).

use serde_json::{Value, json};

use super::text;
use crate::wire::error::ApiError;

/// Which items of a list a call asks for.
pub(super) struct Page {
    from: usize,
    most: usize,
}

impl Page {
    /// Of a call with `nextToken` and `maxResults`, of which Step Functions gives 100 to 1,000.
    pub(super) fn of(call: &Value) -> Result<Self, ApiError> {
        let invalid = |_| ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'");
        Ok(Self {
            from: match text(call, "nextToken") {
                Some(token) => token.parse().map_err(invalid)?,
                None => 0,
            },
            most: match call.get("maxResults").and_then(Value::as_u64) {
                // 0 is the default.
                None | Some(0) => 100,
                Some(most) => usize::try_from(most.min(1000)).unwrap_or(1000),
            },
        })
    }

    /// The items under this name, with the token of the next page if there is one.
    pub(super) fn answer(&self, name: &str, all: &[Value]) -> Value {
        let page: Vec<&Value> = all.iter().skip(self.from).take(self.most).collect();
        let next = self.from.saturating_add(page.len());
        let mut answer = json!({ name: page });
        if let (true, Some(fields)) = (next < all.len(), answer.as_object_mut()) {
            fields.insert("nextToken".to_owned(), json!(next.to_string()));
        }
        answer
    }
}
