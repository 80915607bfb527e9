//! Lambda functions: as state machines and rules name them, and as Lambda shows them.

use std::fmt;

/// What names a function: its name, and the version or alias where one is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FunctionRef {
    pub(crate) name: String,
    /// A version or an alias; `None` for the newest code, `$LATEST`.
    pub(crate) qualifier: Option<String>,
}

impl FunctionRef {
    /// Reads an ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
    pub(crate) fn of_arn(arn: &str) -> Option<Self> {
        let (before, rest) = arn.split_once(":function:")?;
        let is_lambda = before.split(':').nth(2) == Some("lambda");
        is_lambda.then(|| Self::of_name(rest)).flatten()
    }

    /// Reads a name: `NAME[:QUALIFIER]`.
    pub(crate) fn of_name(text: &str) -> Option<Self> {
        let (name, qualifier) = match text.split_once(':') {
            None => (text, None),
            Some((name, qualifier)) => (name, Some(qualifier)),
        };
        (!name.is_empty()).then(|| Self::new(name, qualifier))
    }

    /// A function, and the version that Lambda gives or that somebody names. `$LATEST` is none.
    pub(crate) fn new(name: &str, qualifier: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            qualifier: qualifier
                .filter(|qualifier| *qualifier != "$LATEST")
                .map(str::to_owned),
        }
    }

    /// The newest code of the function.
    pub(crate) fn newest(&self) -> Self {
        Self::new(&self.name, None)
    }

    /// Whether it names an alias: the numbers are versions (Lambda API Reference, CreateAlias).
    pub(crate) fn is_alias(&self) -> bool {
        let mut letters = self.qualifier.iter().flat_map(|it| it.bytes());
        letters.any(|letter| !letter.is_ascii_digit())
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.qualifier {
            None => f.write_str(&self.name),
            Some(qualifier) => write!(f, "{}:{qualifier}", self.name),
        }
    }
}

/// A function, or a version of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// The ARN of its role.
    pub(crate) role: String,
    /// The release of Hookline that it is of, if its description says so.
    pub(crate) release: Option<String>,
    /// The digest of its code.
    pub(crate) code: Option<String>,
}

/// What is before and after the release in the description that the CDK app gives a function.
const RELEASE: (&str, &str) = (", version ", ", code at ");

/// The release in a description.
pub(crate) fn release_of(description: &str) -> Option<String> {
    let (_, rest) = description.split_once(RELEASE.0)?;
    let (release, _) = rest.split_once(RELEASE.1)?;
    Some(release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arn_and_name_are_read_with_their_version() {
        let arn = "arn:aws:lambda:us-west-2:123456789012:function:hookline-tag-node";
        let read = |arn: &str| FunctionRef::of_arn(arn).unwrap().to_string();
        assert_eq!(read(arn), "hookline-tag-node");
        assert_eq!(read(&format!("{arn}:7")), "hookline-tag-node:7");
        assert_eq!(read(&format!("{arn}:$LATEST")), "hookline-tag-node");
        let named = FunctionRef::of_name("hookline-tag-node:live").unwrap();
        assert!(named.is_alias());
        assert!(!FunctionRef::of_name("tag-node:7").unwrap().is_alias());
        assert_eq!(named.newest().to_string(), "hookline-tag-node");
        for other in [
            "arn:aws:states:::lambda:invoke",
            "arn:aws:sns:r:1:function:x",
            "",
        ] {
            assert_eq!(FunctionRef::of_arn(other), None, "{other}");
        }
        assert_eq!(FunctionRef::of_name(""), None);
    }

    #[test]
    fn release_is_read_from_the_description_that_the_cdk_app_writes() {
        let hosting = include_str!("../../../cdk/lib/shared/hosting.ts");
        let (before, after) = RELEASE;
        let written = format!("`${{description}}{before}${{HOOKLINE_VERSION}}{after}${{digest}}`");
        assert!(hosting.contains(&written), "{written}");
        let description = "Tags the node (Hookline), version 1.2.0, code at 0a1b2c3d4e5f";
        assert_eq!(release_of(description).as_deref(), Some("1.2.0"));
        assert_eq!(release_of("Tags the node"), None);
    }
}
