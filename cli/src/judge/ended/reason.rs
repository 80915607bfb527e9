//! Who ended an instance, by EC2's code (EC2 API Reference, StateReason), and what to do about it.

use hookline_domain::ids::InstanceId;

use crate::judge::Remedy;
use crate::observed::network::SeenInstance;

/// Who ended an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// A call of TerminateInstances or StopInstances, as Auto Scaling's own are; or EC2 does not
    /// say.
    Call,
    /// Its own operating system.
    Itself,
    /// EC2.
    Ec2,
}

impl EndedBy {
    pub(super) fn of(seen: &SeenInstance) -> Self {
        Self::by_code(&seen.reason_code)
    }

    pub(super) fn by_code(code: &str) -> Self {
        match code {
            "" | "Client.UserInitiatedShutdown" | "Client.UserInitiatedHibernate" => Self::Call,
            "Client.InstanceInitiatedShutdown" => Self::Itself,
            _ => Self::Ec2,
        }
    }

    /// How the instance ended, at the beginning of a sentence.
    pub(super) fn ended(self, instance: &InstanceId) -> String {
        match self {
            Self::Call => format!("{instance} ended"),
            Self::Itself => format!("{instance} shut itself down"),
            Self::Ec2 => format!("EC2 ended {instance}"),
        }
    }
}

/// EC2's code in a text of Auto Scaling's.
pub(super) fn code_in(text: &str) -> Option<&str> {
    let words = text.split(|it: char| it.is_whitespace() || it == ':');
    let words = words.map(|word| word.trim_end_matches('.'));
    let mut codes = words.filter(|it| it.starts_with("Client.") || it.starts_with("Server."));
    codes.next()
}

/// What to do about an instance that ended so. Auto Scaling replaces it in any case.
pub(super) fn remedies(instance: &str, code: &str) -> Vec<Remedy> {
    let (text, command): (&str, &[&str]) = match code {
        "Server.SpotInstanceTermination" | "Server.SpotInstanceShutdown" => (
            "EC2 interrupted the Spot Instance. Auto Scaling replaces it: nothing to do. If it is frequent, allow the \
             group more instance types and Availability Zones, or use On-Demand Instances.",
            &[],
        ),
        // AWS re:Post, "Auto Scaling failed to launch instances with encrypted AMI or encrypted
        // volumes".
        "Client.InternalError" => (
            "EC2 could not start it, most often because Auto Scaling may not use the KMS key of an encrypted volume. \
             Let the group's service-linked role use the key, by its key policy or a grant (Auto Scaling User Guide, \
             \"Required AWS KMS key policy for use with encrypted volumes\").",
            &[],
        ),
        // "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state".
        _ if code.starts_with("Client.InvalidKMSKey") => (
            "EC2 cannot use the KMS key of an encrypted volume: it is disabled, waits for its deletion, or does not exist, \
             or Auto Scaling may not use it. The launch template names the key, else the Region's default for EBS. To see \
             which that is:",
            &["aws", "ec2", "get-ebs-default-kms-key-id"],
        ),
        "Client.VolumeLimitExceeded" => (
            "The account has reached a quota of EBS: delete volumes, or request more in Service Quotas.",
            &[],
        ),
        "Client.InvalidSnapshot.NotFound" => (
            "Correct the image, or the snapshot, in the group's launch template.",
            &[],
        ),
        "Client.InstanceInitiatedShutdown" => (
            "Auto Scaling replaces it. What it wrote before its end:",
            &[
                "aws",
                "ec2",
                "get-console-output",
                "--instance-id",
                instance,
                "--query",
                "Output",
                "--output",
                "text",
            ],
        ),
        "" | "Client.UserInitiatedShutdown" | "Client.UserInitiatedHibernate" => (
            "Auto Scaling replaces it: nothing to do. If instances end often, find who ends them:",
            &[
                "aws",
                "cloudtrail",
                "lookup-events",
                "--lookup-attributes",
                &format!("AttributeKey=ResourceName,AttributeValue={instance}"),
                "--query",
                "Events[].[EventTime,EventName,Username]",
                "--output",
                "text",
            ],
        ),
        _ => (
            "Auto Scaling replaces it: nothing to do. If it is frequent, ask AWS Support with this reason.",
            &[],
        ),
    };
    let command = (!command.is_empty()).then(|| Remedy::run(command.iter().copied()));
    std::iter::once(Remedy::say(text)).chain(command).collect()
}
