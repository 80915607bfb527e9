//! A type for each kind of AWS resource id, so that a subnet cannot be passed for an instance.
//!
//! An id is a prefix and 8 or 17 hexadecimal digits
//! (EC2 User Guide, "Resource IDs": 17 digits since 2018, 8 on older resources).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is no id of a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {article} {kind} id such as {prefix}0123456789abcdef0, found {found:?}")]
pub struct InvalidId {
    article: &'static str,
    kind: &'static str,
    prefix: &'static str,
    found: String,
}

/// Characters that an error quotes: enough for any id. Invalid input may have megabytes.
const QUOTED: usize = 64;

fn check(
    article: &'static str,
    kind: &'static str,
    prefix: &'static str,
    text: &str,
) -> Result<(), InvalidId> {
    let digits = text.strip_prefix(prefix).unwrap_or("");
    let well_formed = matches!(digits.len(), 8 | 17)
        && digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if well_formed {
        return Ok(());
    }
    Err(InvalidId {
        article,
        kind,
        prefix,
        found: text.chars().take(QUOTED).collect(),
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $article:literal, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = concat!("^", $prefix, "([0-9a-f]{8}|[0-9a-f]{17})$")))]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                check($article, $kind, $prefix, &text)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// An EC2 instance, `i-…`.
    InstanceId, "an", "instance", "i-"
);
id!(
    /// A subnet, `subnet-…`.
    SubnetId, "a", "subnet", "subnet-"
);
id!(
    /// A security group, `sg-…`.
    SecurityGroupId, "a", "security group", "sg-"
);
id!(
    /// A network interface, `eni-…`.
    NetworkInterfaceId, "a", "network interface", "eni-"
);
id!(
    /// An EBS volume, `vol-…`.
    VolumeId, "a", "volume", "vol-"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_either_length_is_accepted() {
        assert!("i-0123456789abcdef0".parse::<InstanceId>().is_ok());
        assert!("subnet-0a1b2c3d".parse::<SubnetId>().is_ok());
    }

    #[test]
    fn id_of_another_kind_is_refused_by_name() {
        let error = "i-0123456789abcdef0".parse::<SubnetId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a subnet id such as subnet-0123456789abcdef0, found \"i-0123456789abcdef0\""
        );
    }

    #[test]
    fn long_text_is_not_quoted_in_full() {
        let error = "x".repeat(1 << 20).parse::<InstanceId>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
