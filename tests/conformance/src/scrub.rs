//! Takes out of a text what belongs to one account or one call: account numbers, names of roles,
//! sessions and users, encoded messages, resource ids, request ids. What is left can be shared and
//! compared.

use serde_json::Value;

/// The prefixes of ids that EC2 and Auto Scaling give.
const PREFIXES: [&str; 13] = [
    "eni-attach-",
    "eni-",
    "subnet-",
    "sg-",
    "vpc-",
    "vol-",
    "lt-",
    "ami-",
    "scr-",
    "snap-",
    "eipalloc-",
    "r-",
    "i-",
];
/// The id that the facts ask for because nothing has it. It tells nothing, so it stays.
const NO_ID: &str = "0123456789abcdef0";

/// What stands before an encoded message (Amazon EC2 API Reference, "Error codes",
/// `UnauthorizedOperation`). All that follows it is encoded.
const ENCODED: &str = "Encoded authorization failure message:";
/// How the names of an ARN of IAM or STS begin (IAM User Guide, "IAM identifiers"). The first two
/// are also the ends of `assumed-role/` and `federated-user/`.
const IDENTITIES: [&str; 3] = ["role/", "user/", "instance-profile/"];

/// A text without ids.
#[must_use]
pub fn text(text: &str) -> String {
    let Some((before, _)) = text.split_once(ENCODED) else {
        return without_ids(&without_identities(text));
    };
    format!("{}{ENCODED} ENCODED", self::text(before))
}

/// A text with NAME for the names of roles, sessions and users.
fn without_identities(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let starts = IDENTITIES.iter();
        let starts = starts.filter_map(|start| Some(rest.find(start)? + start.len()));
        let Some(start) = starts.min() else {
            clean.push_str(rest);
            return clean;
        };
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_whitespace() || "\"'`()[]<>*$".contains(c));
        let (name, after) = from.split_at(end.unwrap_or(from.len()));
        // A name may end with these, but far more often a sentence goes on.
        let marks = name.len() - name.trim_end_matches([',', '.', ':', ';']).len();
        let (name, marks) = name.split_at(name.len() - marks);
        clean.push_str(before);
        clean.push_str(if name.is_empty() { "" } else { "NAME" });
        clean.push_str(marks);
        rest = after;
    }
}

fn without_ids(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        clean.push_str(before);
        // A text that no person reads.
        if word.len() > 100 {
            clean.push_str("ENCODED");
        } else {
            let parts: Vec<String> = word.split('_').map(self::word).collect();
            clean.push_str(&parts.join("_"));
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn word(word: &str) -> String {
    if is_uuid(word) {
        return "UUID".to_owned();
    }
    for prefix in PREFIXES {
        if let Some(id) = word.strip_prefix(prefix)
            && matches!(id.len(), 8 | 17)
            && id.chars().all(|c| c.is_ascii_hexdigit())
            && id != NO_ID
        {
            return format!("{prefix}ID");
        }
    }
    without_accounts(word)
}

/// A word with ACCOUNT for each run of twelve digits.
fn without_accounts(word: &str) -> String {
    let mut clean = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = from.split_at(end.unwrap_or(from.len()));
        clean.push_str(before);
        clean.push_str(if digits.len() == 12 {
            "ACCOUNT"
        } else {
            digits
        });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.concat().chars().all(|c| c.is_ascii_hexdigit())
}

/// A JSON value with every text scrubbed.
#[must_use]
pub fn json(value: Value) -> Value {
    match value {
        Value::String(found) => Value::String(text(&found)),
        Value::Array(values) => values.into_iter().map(json).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, json(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_an_account_and_a_call_are_taken_out_and_words_stay() {
        for (is, wanted) in [
            (
                "The networkInterface ID 'eni-0b02b09699ec55970' does not exist",
                "The networkInterface ID 'eni-ID' does not exist",
            ),
            (
                "Instance 'i-057f199b55b2543ea' already has an interface attached at device index '1'.",
                "Instance 'i-ID' already has an interface attached at device index '1'.",
            ),
            (
                "No active Lifecycle Action found with token f66c3d47-e602-4af0-8edd-d4e4d2fe4620",
                "No active Lifecycle Action found with token UUID",
            ),
            (
                "arn:aws:iam::123456789012:user/x, in 10.0.0.4",
                "arn:aws:iam::ACCOUNT:user/NAME, in 10.0.0.4",
            ),
            (
                "subnet-0123456789abcdef0 and eni-attach-0b02b09699ec55970",
                "subnet-0123456789abcdef0 and eni-attach-ID",
            ),
            ("auto-scaling in-use 12345", "auto-scaling in-use 12345"),
            ("", ""),
        ] {
            assert_eq!(text(is), wanted);
        }
        assert_eq!(text(&"x".repeat(200)), "ENCODED");
    }

    #[test]
    fn names_of_roles_sessions_and_users_are_taken_out() {
        for (is, wanted) in [
            (
                "User: arn:aws:sts::123456789012:assumed-role/AdminRole/jane@corp.example is not authorized",
                "User: arn:aws:sts::ACCOUNT:assumed-role/NAME is not authorized",
            ),
            (
                "arn:aws:iam::123456789012:role/team/Admin_Role, arn:aws:iam::123456789012:user/jane+ops.",
                "arn:aws:iam::ACCOUNT:role/NAME, arn:aws:iam::ACCOUNT:user/NAME.",
            ),
            (
                "(arn:aws:sts::123456789012:federated-user/jane) \"arn:aws:iam::123456789012:instance-profile/nodes\"",
                "(arn:aws:sts::ACCOUNT:federated-user/NAME) \"arn:aws:iam::ACCOUNT:instance-profile/NAME\"",
            ),
            ("a role/ a user", "a role/ a user"),
        ] {
            assert_eq!(text(is), wanted);
        }
    }

    #[test]
    fn encoded_message_is_taken_out_whatever_its_letters() {
        let said = "You are not authorized to perform this operation. Encoded authorization failure message:";
        let encoded = "4GIOHlTkIaWHQD0Q0m_6DTv-xyz_".repeat(9);
        for message in [format!("{said} {encoded}"), format!("{said} a_b-c d.e/f=")] {
            assert_eq!(text(&message), format!("{said} ENCODED"));
        }
        assert_eq!(text(&format!("at {encoded}.")), "at ENCODED.");
    }

    #[test]
    fn account_number_inside_a_word_is_taken_out() {
        for (is, wanted) in [
            (
                "cdk-hnb659fds-assets-123456789012-us-west-2",
                "cdk-hnb659fds-assets-ACCOUNT-us-west-2",
            ),
            (
                "logs_123456789012_x, a123456789012",
                "logs_ACCOUNT_x, aACCOUNT",
            ),
            ("1764263708123 20261127", "1764263708123 20261127"),
            ("1b9d6bcd-bbfd-4b2d-9b5d-123456789012", "UUID"),
        ] {
            assert_eq!(text(is), wanted);
        }
    }
}
