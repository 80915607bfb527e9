//! Launch templates, as far as they bear on interfaces and on what the node does.

use std::fmt;

use hookline_domain::instance::AttachmentPoint;

use super::user_data::UserData;

/// A reference to a version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TemplateRef {
    /// Its id; a name where a group has no id.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    /// A number, `$Latest` or `$Default`.
    pub(crate) version: String,
}

impl TemplateRef {
    /// A version of a launch template that is named by its id or its name.
    pub(crate) fn named(template: &str, version: &str) -> Self {
        let name = Some(template.to_owned());
        let (id, name) = match template.starts_with("lt-") {
            true => (name, None),
            false => (None, name),
        };
        Self {
            id,
            name,
            version: version.to_owned(),
        }
    }
}

impl fmt::Display for TemplateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().or(self.id.as_deref());
        write!(f, "{} (version {})", name.unwrap_or_default(), self.version)
    }
}

/// A version of a launch template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) instance_type: Option<String>,
    /// Whether attributes choose the instance types.
    pub(crate) by_attributes: bool,
    /// Where it attaches interfaces. Without any, EC2 attaches the primary one.
    pub(crate) interfaces: Vec<AttachmentPoint>,
    pub(crate) user_data: UserData,
    /// The newest version, if it is another one.
    pub(crate) newest: Option<Box<Newest>>,
}

/// The newest version of a launch template.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    pub(crate) version: i64,
    pub(crate) template: Template,
}
