//! Where the facts are from: pages of AWS, and public accounts of what AWS did.

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is called.
    pub title: &'static str,
    /// Its address.
    pub url: &'static str,
}

macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident: $title:literal, $url:literal;)*) => {
        $($(#[$doc])* pub const $name: Source = Source { title: $title, url: $url };)*
    };
}

sources! {
    /// The codes of EC2's errors.
    EC2_ERRORS: "EC2 Developer Guide, Error codes", "https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html";
    /// ClientTokens of EC2.
    EC2_IDEMPOTENCY: "EC2 Developer Guide, Ensuring idempotency", "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html";
    /// What a Describe call can miss.
    EC2_CONSISTENCY: "EC2 Developer Guide, Eventual consistency", "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html";
    /// Filters and their wildcards.
    EC2_FILTERS: "EC2 User Guide, Find your resources, Filtering", "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html";
    /// CreateNetworkInterface.
    CREATE_INTERFACE: "EC2 API Reference, CreateNetworkInterface", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html";
    /// AttachNetworkInterface.
    ATTACH_INTERFACE: "EC2 API Reference, AttachNetworkInterface", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachNetworkInterface.html";
    /// DetachNetworkInterface.
    DETACH_INTERFACE: "EC2 API Reference, DetachNetworkInterface", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html";
    /// DeleteNetworkInterface.
    DELETE_INTERFACE: "EC2 API Reference, DeleteNetworkInterface", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html";
    /// ModifyNetworkInterfaceAttribute.
    MODIFY_INTERFACE: "EC2 API Reference, ModifyNetworkInterfaceAttribute", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html";
    /// Attachments of interfaces.
    ATTACHMENTS: "EC2 User Guide, Network interface attachments", "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html";
    /// Termination of instances.
    TERMINATION: "EC2 User Guide, How instance termination works", "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html";
    /// CreateTags.
    CREATE_TAGS: "EC2 API Reference, CreateTags", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html";
    /// The addresses of a subnet.
    SUBNETS: "VPC User Guide, Subnet CIDR blocks", "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html";
    /// CIDR reservations.
    RESERVATIONS: "VPC User Guide, Subnet CIDR reservations", "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-cidr-reservation.html";
    /// Lifecycle hooks.
    HOOKS: "Auto Scaling User Guide, How lifecycle hooks work", "https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html";
    /// CompleteLifecycleAction.
    COMPLETE: "Auto Scaling API Reference, CompleteLifecycleAction", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html";
    /// RecordLifecycleActionHeartbeat.
    HEARTBEAT: "Auto Scaling API Reference, RecordLifecycleActionHeartbeat", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RecordLifecycleActionHeartbeat.html";
    /// PutLifecycleHook.
    PUT_HOOK: "Auto Scaling API Reference, PutLifecycleHook", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html";
    /// LifecycleHook, which has the global timeout.
    HOOK: "Auto Scaling API Reference, LifecycleHook", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html";
    /// How IAM decides.
    IAM_EVALUATION: "IAM User Guide, Policy evaluation logic", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html";
    /// IAM's verdict on a role.
    SIMULATE_PRINCIPAL: "IAM API Reference, SimulatePrincipalPolicy", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html";
    /// IAM's verdict on documents.
    SIMULATE_CUSTOM: "IAM API Reference, SimulateCustomPolicy", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html";
    /// A role with its trust policy.
    GET_ROLE: "IAM API Reference, GetRole", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html";
    /// DescribeExecution.
    DESCRIBE_EXECUTION: "Step Functions API Reference, DescribeExecution", "https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html";
    /// The events of Auto Scaling.
    EVENTS: "Auto Scaling User Guide, Event reference", "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html";
    /// The tags of Auto Scaling on instances.
    GROUP_TAGS: "Auto Scaling User Guide, Tag Auto Scaling groups and instances", "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html";
    /// A report of the message of a completion after the end.
    COMPLETED_REPORT: "spacelift-io/terraform-aws-spacelift-workerpool-on-ec2, pull request 197", "https://github.com/spacelift-io/terraform-aws-spacelift-workerpool-on-ec2/pull/197";
    /// A report of the message of an attach at a used device index.
    DEVICE_INDEX_REPORT: "lstoll/k8s-vpcnet, issue 71", "https://github.com/lstoll/k8s-vpcnet/issues/71";
    /// A report of the message of a deletion of an attached interface.
    IN_USE_REPORT: "aws/amazon-vpc-cni-k8s, issue 1399", "https://github.com/aws/amazon-vpc-cni-k8s/issues/1399";
    /// A report of the message of an attach of an attached interface.
    ATTACHED_REPORT: "hashicorp/terraform-provider-aws, issue 27513", "https://github.com/hashicorp/terraform-provider-aws/issues/27513";
}
