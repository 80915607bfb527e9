//! A deployment of Hookline, and which interfaces are its own.
//!
//! An account may have several deployments in one Region. Each creates, changes and deletes its own
//! interfaces only: the tag [`own::DEPLOYMENT`] says whose an interface is.

use std::fmt;

use crate::tags::own::{self, Tags};

/// The most characters of a deployment's name: those of a function's name in Lambda.
const MAX_LENGTH: usize = 64;
/// Characters that an error quotes.
const QUOTED: usize = 64;

/// The name of a deployment: the prefix of the names of its functions, which is unique in an account
/// and Region, as Lambda's function names are. 1 to 64 letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deployment(String);

/// Why a text is no name of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MAX_LENGTH} letters, digits and hyphens, found {found:?}")]
pub struct InvalidDeployment {
    found: String,
}

/// Whose an interface is, by its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This deployment's.
    This,
    /// Hookline's, but no tag says of which deployment: a release without deployment tags created it. It is used
    /// and counted, and never deleted.
    Untagged,
    /// Another deployment's.
    Another,
    /// Not Hookline's.
    Nobody,
}

impl Deployment {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidDeployment`] if it is empty, too long, or has other characters.
    pub fn read(name: &str) -> Result<Self, InvalidDeployment> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(InvalidDeployment {
            found: name.chars().take(QUOTED).collect(),
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose an interface with these tags is.
    #[must_use]
    pub fn owner(&self, tags: &Tags) -> Owner {
        if !tags.contains_key(own::INSTANCE_ID) {
            return Owner::Nobody;
        }
        match tags.get(own::DEPLOYMENT) {
            Some(of) if *of == self.0 => Owner::This,
            Some(_) => Owner::Another,
            None => Owner::Untagged,
        }
    }

    /// Whether this deployment may use an interface with these tags for the instance that they name.
    #[must_use]
    pub fn may_use(&self, tags: &Tags) -> bool {
        matches!(self.owner(tags), Owner::This | Owner::Untagged)
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_that_of_a_prefix_of_functions() {
        for name in ["hookline", "Hookline-2", "a", &"x".repeat(64)] {
            assert_eq!(Deployment::read(name).unwrap().as_str(), name);
        }
        for name in ["", "a b", "a_b", "ä", "*", &"x".repeat(65)] {
            let error = Deployment::read(name).unwrap_err().to_string();
            assert!(error.starts_with("expected 1 to 64 letters"), "{error}");
        }
        let long = Deployment::read(&"?".repeat(1000)).unwrap_err();
        assert!(long.to_string().len() < 200);
    }

    #[test]
    fn interface_is_owned_by_the_deployment_that_its_tag_names() {
        let ours = Deployment::read("core").unwrap();
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let created = (own::INSTANCE_ID, "i-0123456789abcdef0");
        for (pairs, owner, may_use) in [
            (&[created, (own::DEPLOYMENT, "core")][..], Owner::This, true),
            (&[created][..], Owner::Untagged, true),
            (
                &[created, (own::DEPLOYMENT, "core-2")][..],
                Owner::Another,
                false,
            ),
            (&[created, (own::DEPLOYMENT, "")][..], Owner::Another, false),
            (&[(own::DEPLOYMENT, "core")][..], Owner::Nobody, false),
            (&[][..], Owner::Nobody, false),
        ] {
            let tags = tags(pairs);
            assert_eq!(ours.owner(&tags), owner, "{tags:?}");
            assert_eq!(ours.may_use(&tags), may_use, "{tags:?}");
        }
    }
}
