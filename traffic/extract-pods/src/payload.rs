//! The payload of a run: reads it, checks it, and fills in the defaults.
//!
//! All settings are in the payload, so that the input of an execution is enough to repeat the run.

use hookline_runtime::payload::shorten;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::grouping::Grouping;

/// The payload as JSON has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PayloadInput {
    execution: String,
    cluster: String,
    region: Option<String>,
    bucket: String,
    prefix: Option<String>,
    hour: String,
    group: Option<GroupInput>,
    assume_role_arn: Option<String>,
    deleted_pods: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupInput {
    labels: Option<Vec<String>>,
}

/// A checked payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's Region. `None` stands for the function's own.
    pub region: Option<String>,
    /// The bucket of the object.
    pub bucket: String,
    /// The object's key. It contains the cluster and the execution: a retry of an execution writes
    /// the same object again, another execution never does.
    pub key: String,
    /// The groups that pods are counted under.
    pub grouping: Grouping,
    /// The role that reads the cluster. `None` stands for the function's own role, which always
    /// writes the object.
    pub assume_role_arn: Option<String>,
    /// Whether to replay the pods' watch instead of listing.
    pub deleted_pods: bool,
    /// When the run was to begin: the instant in `hour`.
    pub scheduled_at: Timestamp,
    /// The key of the object that remembers where the last replay ended. Athena reads no folder whose name begins with `_`.
    pub state_key: String,
}

/// The folder of the objects, if the payload names none.
pub const DEFAULT_PREFIX: &str = "pods/";
/// The folder below it of the objects that remember where a replay ended.
const STATE_FOLDER: &str = "_watch";

impl Payload {
    /// Reads and checks a payload.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for the first field that cannot be used.
    pub fn read(payload: Value) -> Result<Self> {
        let input: PayloadInput = hookline_runtime::payload::read(payload)?;
        check_execution(&input.execution)?;
        check_cluster(&input.cluster)?;
        if let Some(region) = &input.region {
            check_region(region)?;
        }
        check_bucket(&input.bucket)?;
        let prefix = input.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
        check_prefix(prefix)?;
        let slash = match prefix.is_empty() || prefix.ends_with('/') {
            true => "",
            false => "/",
        };
        if let Some(role) = &input.assume_role_arn {
            check_role(role)?;
        }
        let scheduled_at = instant(&input.hour)?;
        let deleted_pods = input.deleted_pods.unwrap_or_default();
        let key = format!(
            "{prefix}{slash}{}/{}.{}{}.json.gz",
            scheduled_at.strftime("dt=%Y-%m-%d/hour=%H"),
            input.cluster,
            input.execution,
            match deleted_pods {
                true => ".deleted",
                false => "",
            },
        );
        let state_key = format!("{prefix}{slash}{STATE_FOLDER}/{}.json", input.cluster);
        Ok(Self {
            cluster: input.cluster,
            region: input.region,
            bucket: input.bucket,
            key,
            grouping: match input.group.and_then(|group| group.labels) {
                Some(labels) => Grouping::by_labels(labels)?,
                None => Grouping::default(),
            },
            assume_role_arn: input.assume_role_arn,
            deleted_pods,
            scheduled_at,
            state_key,
        })
    }
}

/// The instant in `hour`. Its hour in UTC is the object's partition.
fn instant(hour: &str) -> Result<Timestamp> {
    let remedy = "Give an instant in RFC 3339 with its offset, such as 2026-05-04T11:00:00Z";
    let time: Timestamp = hour
        .parse()
        .map_err(|error: jiff::Error| Error::invalid("hour", error.to_string(), remedy))?;
    if time < Timestamp::UNIX_EPOCH {
        return Err(Error::invalid("hour", "is before 1970", remedy));
    }
    Ok(time)
}

/// Step Functions accepts 1 to 80 characters, without those below (Step Functions API Reference,
/// `StartExecution`, `name`).
fn check_execution(name: &str) -> Result<()> {
    const FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"/";
    let fits = (1..=80).contains(&name.chars().count())
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || FORBIDDEN.contains(c));
    require(
        fits,
        "execution",
        name,
        "is not the name of an execution",
        "Give $$.Execution.Name",
    )
}

/// EKS API Reference, `CreateCluster`, `name`.
fn check_cluster(name: &str) -> Result<()> {
    let fits = (1..=100).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    require(
        fits,
        "cluster",
        name,
        "is not the name of an EKS cluster",
        "Give the name, not the ARN",
    )
}

fn check_region(region: &str) -> Result<()> {
    let fits = (1..=32).contains(&region.len())
        && region
            .chars()
            .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
    require(
        fits,
        "region",
        region,
        "is not an AWS Region",
        "Give its code, such as us-east-2",
    )
}

/// S3 User Guide, "General purpose bucket naming rules".
fn check_bucket(bucket: &str) -> Result<()> {
    let fits = (3..=63).contains(&bucket.len())
        && bucket
            .chars()
            .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.'))
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
    require(
        fits,
        "bucket",
        bucket,
        "is not the name of an S3 bucket",
        "Give the name, not the ARN or URL",
    )
}

/// Allows safe characters (S3 User Guide, "Naming Amazon S3 objects"), and leaves room for the rest
/// of the key.
fn check_prefix(prefix: &str) -> Result<()> {
    let fits = prefix.len() <= 512
        && !prefix.starts_with('/')
        && !prefix.contains("//")
        && prefix
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/!-_.*'()=".contains(c));
    require(
        fits,
        "prefix",
        prefix,
        "is not a folder of S3 keys",
        "Give a folder such as pods/, of letters, digits and !-_.*'()=, that does not begin with a slash",
    )
}

/// IAM User Guide, "IAM identifiers".
fn check_role(arn: &str) -> Result<()> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource
                    .strip_prefix("role/")
                    .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        }
        _ => false,
    };
    require(
        fits,
        "assumeRoleArn",
        arn,
        "is not the ARN of an IAM role",
        "Give an ARN such as arn:aws:iam::123456789012:role/NAME",
    )
}

fn require(fits: bool, field: &str, value: &str, problem: &str, remedy: &str) -> Result<()> {
    match fits {
        true => Ok(()),
        false => Err(Error::invalid(
            field,
            format!("{:?} {problem}", shorten(value, 128)),
            remedy,
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({
            "execution": "0b6b9a51-6d41-4b7b-9f0a-5d6f2f4e7f11",
            "cluster": "prod",
            "bucket": "acme-traffic",
            "hour": "2026-05-04T11:59:59Z",
        })
    }

    fn with(field: &str, value: impl Into<Value>) -> Result<Payload> {
        let mut payload = payload();
        payload[field] = value.into();
        Payload::read(payload)
    }

    fn refused(field: &str, value: impl Into<Value>) -> String {
        let value = value.into();
        let error = with(field, value.clone()).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InvalidPayload");
        let text = error.to_string();
        assert!(text.starts_with(field), "{value}: {text}");
        assert!(text.len() < 600, "{} characters", text.len());
        text
    }

    #[test]
    fn a_field_that_is_missing_or_null_has_its_default() {
        let read = Payload::read(payload()).unwrap();
        assert_eq!(
            read,
            Payload {
                cluster: "prod".to_owned(),
                region: None,
                bucket: "acme-traffic".to_owned(),
                key: "pods/dt=2026-05-04/hour=11/prod.0b6b9a51-6d41-4b7b-9f0a-5d6f2f4e7f11.json.gz"
                    .to_owned(),
                grouping: Grouping::default(),
                assume_role_arn: None,
                deleted_pods: false,
                scheduled_at: "2026-05-04T11:59:59Z".parse().unwrap(),
                state_key: "pods/_watch/prod.json".to_owned(),
            }
        );
        // A state machine passes on null for what its input does not have.
        for field in ["region", "prefix", "group", "assumeRoleArn", "deletedPods"] {
            assert_eq!(with(field, Value::Null).unwrap(), read, "{field}");
        }
        assert_eq!(with("group", json!({"labels": null})).unwrap(), read);
    }

    #[test]
    fn deleted_pods_have_an_object_of_their_own_in_the_folder_of_the_listings() {
        let mut of_folder = payload();
        of_folder["prefix"] = json!("eks/pods");
        let listing = Payload::read(of_folder.clone()).unwrap();
        of_folder["deletedPods"] = json!(true);
        let deleted = Payload::read(of_folder).unwrap();
        assert!(deleted.deleted_pods);
        let key = listing.key.strip_suffix(".json.gz").unwrap();
        assert_eq!(deleted.key, format!("{key}.deleted.json.gz"));
        assert_eq!(deleted.state_key, "eks/pods/_watch/prod.json");
        refused("deletedPods", "yes");
    }

    #[test]
    fn the_partition_is_the_hour_in_utc() {
        let key = |hour: &str| with("hour", hour).unwrap().key;
        assert!(key("2026-05-04T01:30:00+02:00").starts_with("pods/dt=2026-05-03/hour=23/"));
        assert!(key("2026-12-31T23:00:00-05:00").starts_with("pods/dt=2027-01-01/hour=04/"));
        assert!(key("2026-05-04T07:00:00Z").starts_with("pods/dt=2026-05-04/hour=07/"));
    }

    #[test]
    fn an_hour_that_is_not_an_instant_is_refused() {
        for hour in [
            "2026-05-04T11:00:00",
            "2026-05-04",
            "11",
            "",
            "1969-12-31T23:00:00Z",
        ] {
            refused("hour", hour);
        }
        refused("hour", 1_777_892_400);
    }

    #[test]
    fn a_prefix_is_used_as_a_folder() {
        let key = |prefix: &str| with("prefix", prefix).unwrap().key;
        assert!(key("eks/pods").starts_with("eks/pods/dt="));
        assert!(key("eks/pods/").starts_with("eks/pods/dt="));
        assert!(key("").starts_with("dt="));
        for prefix in ["/pods", "a//b", "pods?x", "p\u{e4}ds"] {
            refused("prefix", prefix);
        }
        refused("prefix", "p".repeat(1 << 20));
    }

    #[test]
    fn invalid_names_are_refused() {
        refused("cluster", "arn:aws:eks:us-east-2:123456789012:cluster/prod");
        refused("cluster", "../etc");
        refused("cluster", "");
        refused("bucket", "s3://acme-traffic");
        refused("bucket", "Acme");
        refused("bucket", "ab");
        refused("region", "us east 2");
        refused("region", "evil.example/");
        refused("assumeRoleArn", "arn:aws:iam::123456789012:user/somebody");
        refused("assumeRoleArn", "reader");
        refused(
            "execution",
            "arn:aws:states:us-east-2:123456789012:execution:a:b",
        );
        refused("execution", "a/b");
        refused("execution", "");
        refused("execution", "x".repeat(81));
    }

    #[test]
    fn an_error_names_a_missing_or_unknown_field() {
        let mut lacking = payload();
        lacking.as_object_mut().unwrap().remove("bucket");
        let text = Payload::read(lacking).unwrap_err().to_string();
        assert!(text.contains("missing field `bucket`"), "{text}");
        let text = with("groups", json!({})).unwrap_err().to_string();
        assert!(text.contains("unknown field `groups`"), "{text}");
        assert_eq!(
            Payload::read(json!([])).unwrap_err().error_type(),
            "Hookline.InvalidPayload"
        );
    }

    #[test]
    fn roles_of_every_partition_are_accepted() {
        for role in [
            "arn:aws:iam::123456789012:role/reader",
            "arn:aws-cn:iam::123456789012:role/path/reader",
            "arn:aws-us-gov:iam::123456789012:role/reader",
        ] {
            assert_eq!(
                with("assumeRoleArn", role)
                    .unwrap()
                    .assume_role_arn
                    .as_deref(),
                Some(role)
            );
        }
    }

    #[test]
    fn an_invalid_label_is_refused_with_its_index() {
        let error = with("group", json!({"labels": ["team", "not a label"]})).unwrap_err();
        assert!(error.to_string().starts_with("group.labels[1]"), "{error}");
    }
}
