//! What a part is, as cloud-init decides it.

use serde::Serialize;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `#cloud-config`: YAML with modules of cloud-init.
    CloudConfig,
    /// `#cloud-config-jsonp`: JSON patches of it.
    CloudConfigPatch,
    /// `#cloud-config-archive`: parts in YAML.
    CloudConfigArchive,
    /// A script that runs once, at the end of cloud-init.
    ShellScript,
    /// A script that runs at each boot, early.
    Boothook,
    /// URLs, whose contents cloud-init fetches. They are named here, and never fetched.
    Include,
    /// Python code that handles other parts.
    PartHandler,
    /// A NodeConfig of nodeadm.
    NodeConfig,
    /// Settings of Bottlerocket, in TOML.
    BottlerocketSettings,
    /// A script for Windows, which is not supported.
    Windows,
    /// Nothing.
    Empty,
    /// Anything else.
    Unknown,
}

impl Kind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudConfig => "#cloud-config",
            Self::CloudConfigPatch => "#cloud-config-jsonp",
            Self::CloudConfigArchive => "#cloud-config-archive",
            Self::ShellScript => "shell script",
            Self::Boothook => "boothook",
            Self::Include => "#include",
            Self::PartHandler => "part handler",
            Self::NodeConfig => "NodeConfig",
            Self::BottlerocketSettings => "Bottlerocket settings",
            Self::Windows => "Windows script",
            Self::Empty => "nothing",
            Self::Unknown => "unknown",
        }
    }

    /// Whether cloud-init does something with it.
    pub(crate) fn is_for_cloud_init(self) -> bool {
        use Kind::{
            Boothook, CloudConfig, CloudConfigArchive, CloudConfigPatch, Include, PartHandler,
            ShellScript,
        };
        matches!(
            self,
            CloudConfig
                | CloudConfigPatch
                | CloudConfigArchive
                | ShellScript
                | Boothook
                | Include
                | PartHandler
        )
    }
}

/// The content type of a NodeConfig (awslabs/amazon-eks-ami,
/// nodeadm/internal/configprovider/userdata.go).
pub(crate) const NODE_CONFIG: &str = "application/node.eks.aws";

/// The content type that cloud-init gives to user data that is no MIME
/// (cloudinit/handlers/__init__.py, `NOT_MULTIPART_TYPE`).
pub(crate) const NOT_MULTIPART: &str = "text/x-not-multipart";

/// The beginnings by which cloud-init knows a text, longest first, and their content types
/// (cloudinit/handlers/__init__.py, `INCLUSION_TYPES_MAP`).
const BEGINNINGS: [(&str, &str); 9] = [
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("## template: jinja", "text/jinja2"),
    ("#cloud-config-jsonp", "text/cloud-config-jsonp"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#include-once", "text/x-include-once-url"),
    ("#cloud-config", "text/cloud-config"),
    ("#part-handler", "text/part-handler"),
    ("#include", "text/x-include-url"),
    ("#!", "text/x-shellscript"),
];

/// The content type that a text's beginning tells.
pub(crate) fn by_beginning(text: &str) -> Option<&'static str> {
    let text = text.trim_start();
    let begins = |beginning: &str| {
        text.get(..beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    BEGINNINGS
        .iter()
        .find(|(beginning, _)| begins(beginning))
        .map(|(_, kind)| *kind)
}

/// The content type that cloud-init gives a part: for some declared types, the text's beginning
/// decides (cloudinit/user_data.py, `_process_msg`).
pub(crate) fn cloud_init_type<'a>(declared: Option<&'a str>, text: &str) -> &'a str {
    match declared {
        None => by_beginning(text).unwrap_or("text/plain"),
        Some(declared @ ("text/plain" | NOT_MULTIPART | "text/x-shellscript")) => {
            by_beginning(text).unwrap_or(declared)
        }
        Some(other) => other,
    }
}

/// What a part of a content type is. Jinja's template is what follows its first line.
pub(crate) fn of_type(content_type: &str, text: &str) -> Kind {
    match content_type {
        "text/cloud-config" => Kind::CloudConfig,
        "text/cloud-config-jsonp" => Kind::CloudConfigPatch,
        "text/cloud-config-archive" => Kind::CloudConfigArchive,
        "text/x-shellscript"
        | "text/x-shellscript-per-boot"
        | "text/x-shellscript-per-instance"
        | "text/x-shellscript-per-once" => Kind::ShellScript,
        "text/cloud-boothook" => Kind::Boothook,
        "text/x-include-url" | "text/x-include-once-url" => Kind::Include,
        "text/part-handler" => Kind::PartHandler,
        "text/jinja2" => {
            let rest = text
                .trim_start()
                .split_once('\n')
                .map_or("", |(_, rest)| rest);
            match by_beginning(rest) {
                Some("text/cloud-config") => Kind::CloudConfig,
                Some("text/x-shellscript") => Kind::ShellScript,
                _ => Kind::Unknown,
            }
        }
        NODE_CONFIG => Kind::NodeConfig,
        _ if text.trim().is_empty() => Kind::Empty,
        _ => by_content(text),
    }
}

/// What a text is that is no part, and that cloud-init does not know.
pub(crate) fn by_content(text: &str) -> Kind {
    let start = text.trim_start();
    let is_windows = ["<powershell>", "<script>"].iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    });
    if is_windows {
        Kind::Windows
    } else if is_node_config(text) {
        Kind::NodeConfig
    } else if is_bottlerocket(text) {
        Kind::BottlerocketSettings
    } else {
        Kind::Unknown
    }
}

/// Whether a line of YAML or JSON has nodeadm's API group, and another the kind.
fn is_node_config(text: &str) -> bool {
    let has = |key: &str, value: &str| {
        text.lines().any(|line| {
            line.split_once(key).is_some_and(|(_, rest)| {
                rest.trim_start_matches(['"', '\'', ':', ' '])
                    .starts_with(value)
            })
        })
    };
    has("apiVersion", "node.eks.aws/") && has("kind", "NodeConfig")
}

/// Whether a line of TOML begins settings.
fn is_bottlerocket(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let table = line
            .trim_start_matches('[')
            .trim_start()
            .trim_start_matches(['"', '\'']);
        (line.starts_with('[') && table.starts_with("settings")) || line.starts_with("settings.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_beginning_wins() {
        for (text, expected) in [
            ("#cloud-config-archive\n", "text/cloud-config-archive"),
            ("  #Cloud-Config\n", "text/cloud-config"),
            ("#include-once https://x\n", "text/x-include-once-url"),
            ("#!/bin/sh", "text/x-shellscript"),
        ] {
            assert_eq!(by_beginning(text), Some(expected), "{text}");
        }
        assert_eq!(by_beginning("#!".get(..1).unwrap()), None);
        assert_eq!(by_beginning("é"), None);
    }

    #[test]
    fn declared_type_wins_but_for_those_that_say_little() {
        assert_eq!(
            cloud_init_type(Some("text/cloud-boothook"), "#!/bin/sh"),
            "text/cloud-boothook"
        );
        assert_eq!(
            cloud_init_type(Some("text/x-shellscript"), "#cloud-config"),
            "text/cloud-config"
        );
        assert_eq!(
            cloud_init_type(Some("text/x-shellscript"), "echo"),
            "text/x-shellscript"
        );
        assert_eq!(cloud_init_type(None, "hello"), "text/plain");
    }

    #[test]
    fn text_that_cloud_init_does_not_know_is_known_by_its_content() {
        for (text, expected) in [
            ("<PowerShell>\n", Kind::Windows),
            (
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n",
                Kind::NodeConfig,
            ),
            (
                "{\"apiVersion\": \"node.eks.aws/v1alpha1\",\n\"kind\": \"NodeConfig\"}",
                Kind::NodeConfig,
            ),
            ("# x\n[settings.kubernetes]\n", Kind::BottlerocketSettings),
            ("hello", Kind::Unknown),
        ] {
            assert_eq!(by_content(text), expected, "{text}");
        }
    }
}
