//! What the unit tests observe: the deployment `hookline` with the group `upf`, whose profile has
//! the networks `signaling` at device index 1 and `user-plane` at 2.

pub(crate) mod scale_out;

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::addresses::Subnet;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::{AttachedInterface, AttachmentPoint, Instance};
use hookline_domain::instance_type::{InstanceTypeLimits, NetworkCard};
use hookline_domain::interface::{Attachment, Interface};
use hookline_domain::profile::TokenBucket;
use hookline_domain::tags::own;
use hookline_user_data::{Gate, GateNetwork};
use serde_json::{Value, json};

use crate::observed::account::{Account, Concurrency, Machine};
use crate::observed::case::Case;
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, HistoryEvent, ListedExecution};
use crate::observed::fleet::Fleet;
use crate::observed::function::{Function, FunctionRef};
use crate::observed::group::{Activity, Group, Hook, Launches, Member};
use crate::observed::network::{SeenInstance, SeenInterface, SeenSubnet};
use crate::observed::role::{Role, SeenRole};
use crate::observed::rule::{Rule, Target};
use crate::observed::template::{Template, TemplateRef};
use crate::observed::uncovered::Uncovered;
use crate::observed::user_data::{MaxPods, Said, UserData};

/// The time of every observation, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_767_323_045;
pub(crate) const MACHINE: &str =
    "arn:aws:states:us-west-2:123456789012:stateMachine:hookline-launch-node";
pub(crate) const ZONE: &str = "us-west-2a";
/// The release of what is deployed: that of this command.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The id of the n-th instance.
pub(crate) fn id(n: u32) -> InstanceId {
    format!("i-{n:017x}").parse().unwrap()
}

pub(crate) fn profile() -> Value {
    let slot = |network: &str, index: u32| {
        json!({
            "network": network,
            "deviceIndex": index,
            "subnetIds": [format!("subnet-{index:08x}")],
        })
    };
    json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "securityGroupIds": ["sg-00000001"],
        "slots": [slot("signaling", 1), slot("user-plane", 2)],
    })
}

/// Its rule, and that of reconcile.
pub(crate) fn rules() -> (Rule, Rule) {
    let rule = Rule {
        name: "launch-upf".to_owned(),
        enabled: true,
        pattern: json!({
            "detail-type": ["EC2 Instance-launch Lifecycle Action"],
            "detail": {"AutoScalingGroupName": ["upf"], "LifecycleHookName": ["hookline-launch"]},
        }),
        targets: vec![Target {
            arn: MACHINE.to_owned(),
            template: Some(format!("{{\"event\":<e>,\"profile\":{}}}", profile())),
            ..Target::default()
        }],
        ..Rule::default()
    };
    let rounds = Rule {
        name: "hookline-reconcile".to_owned(),
        enabled: true,
        schedule: Some("rate(5 minutes)".to_owned()),
        targets: vec![Target {
            input: Some(json!({"stateMachineArn": MACHINE, "profiles": [profile()]}).to_string()),
            ..Target::default()
        }],
        ..Rule::default()
    };
    (rule, rounds)
}

/// The deployment: its rule, and reconcile every five minutes.
pub(crate) fn deployment() -> Deployment {
    let (rule, rounds) = rules();
    Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![rule, rounds])
}

/// The deployment at rest: no instance, no execution.
pub(crate) fn fleet() -> Fleet {
    let hook = Hook {
        name: "hookline-launch".to_owned(),
        default_result: "ABANDON".to_owned(),
        heartbeat_seconds: 1_800,
    };
    Fleet {
        now: NOW,
        deployment: deployment(),
        groups: vec![Group {
            name: "upf".to_owned(),
            arn: "arn:group".to_owned(),
            ..Group::default()
        }],
        hooks: BTreeMap::from([("upf".to_owned(), vec![hook])]),
        uncovered: Uncovered::default(),
        activities: Vec::new(),
        all_activities: true,
        instances: BTreeMap::new(),
        entering_pools: BTreeSet::new(),
        interfaces: Vec::new(),
        listed: Vec::new(),
        described: Vec::new(),
    }
}

/// An instance that was launched so many seconds ago.
pub(crate) fn instance(n: u32, age: i64) -> SeenInstance {
    let place = AttachmentPoint {
        network_card: 0,
        device_index: 0,
    };
    let attached = AttachedInterface {
        subnet_id: None,
        delete_on_termination: true,
        source_dest_check: true,
    };
    SeenInstance {
        instance: Instance {
            id: id(n),
            instance_type: "m5.4xlarge".to_owned(),
            availability_zone: ZONE.to_owned(),
            state: "running".to_owned(),
            launched_at: NOW - age,
            adopted_at: None,
            marked_at: None,
            private_ip: Some("10.0.0.4".to_owned()),
            ipv6_address: None,
            private_dns_name: None,
            lifecycle: "on-demand".to_owned(),
            volumes: Vec::new(),
            root_volume_missing: false,
            interfaces: Vec::new(),
            tags: BTreeMap::new(),
            attached: BTreeMap::from([(place, attached)]),
        },
        reason_code: String::new(),
        state_reason: String::new(),
        transition_reason: String::new(),
    }
}

impl Fleet {
    /// The fleet with an instance in a lifecycle state, that was launched so many seconds ago.
    pub(crate) fn with(mut self, n: u32, lifecycle_state: &str, age: i64) -> Self {
        self.groups[0].members.push(Member {
            instance: id(n),
            lifecycle_state: lifecycle_state.to_owned(),
            availability_zone: ZONE.to_owned(),
        });
        self.groups[0].desired += 1;
        self.instances.insert(id(n), instance(n, age));
        self
    }

    /// The fleet with a launch into the warm pool of its group, that began so many seconds ago.
    pub(crate) fn with_launch_into_pool(mut self, n: u32, state: &str, age: i64) -> Self {
        let group = &mut self.groups[0];
        group.has_warm_pool = true;
        group.into_pool.push(Member {
            instance: id(n),
            lifecycle_state: state.to_owned(),
            availability_zone: ZONE.to_owned(),
        });
        self.entering_pools.insert(id(n));
        self.instances.insert(id(n), instance(n, age));
        self
    }

    /// The fleet with an execution for an instance, that was described. Its name tells nothing.
    pub(crate) fn with_execution(mut self, n: u32, status: &str, error: Option<&str>) -> Self {
        let execution = execution(n, status, error);
        self.listed.push(ListedExecution {
            arn: execution.arn.clone(),
            name: execution.name.clone(),
            status: status.to_owned(),
            started: execution.started,
            stopped: execution.stopped,
        });
        self.described.push(execution);
        self
    }

    /// The fleet with a launch that ended so many seconds ago.
    pub(crate) fn with_launch(mut self, n: u32, status: &str, ago: i64) -> Self {
        self.activities.push(Activity {
            group: "upf".to_owned(),
            instance: Some(id(n)),
            is_launch: true,
            status: status.to_owned(),
            message: "Instance failed to complete user's Lifecycle Action".to_owned(),
            started: NOW - ago - 20,
            ended: Some(NOW - ago),
            ..Activity::default()
        });
        self
    }
}

/// An execution for the n-th instance.
pub(crate) fn execution(n: u32, status: &str, error: Option<&str>) -> Execution {
    let input = json!({
        "event": {"detail": {"EC2InstanceId": id(n), "AutoScalingGroupName": "upf"}},
        "profile": profile(),
    });
    Execution {
        arn: format!("{}:{n}", MACHINE.replace(":stateMachine:", ":execution:")),
        name: n.to_string(),
        status: status.to_owned(),
        started: 1_000 * (NOW - 60),
        stopped: (status != "RUNNING").then_some(1_000 * (NOW - 30)),
        input: input.to_string(),
        error: error.map(str::to_owned),
        cause: error.map(|_| r#"{"errorMessage": "the cause"}"#.to_owned()),
    }
}

/// An interface that Hookline created for an instance; attached at this device index, or not.
pub(crate) fn interface(n: u32, owner: u32, network: &str, index: Option<u32>) -> SeenInterface {
    let mut tags = own::tags(&id(owner), "upf", "upf", network);
    tags.insert(own::DEPLOYMENT.to_owned(), "hookline".to_owned());
    SeenInterface {
        interface: Interface {
            id: format!("eni-{n:017x}").parse().unwrap(),
            subnet_id: format!("subnet-{:08x}", index.unwrap_or(1))
                .parse()
                .unwrap(),
            availability_zone: ZONE.to_owned(),
            status: match index {
                Some(_) => "in-use".to_owned(),
                None => "available".to_owned(),
            },
            attachment: index.map(|device_index| Attachment {
                id: "eni-attach-0".to_owned(),
                instance_id: Some(id(owner)),
                device_index,
                network_card: 0,
                status: "attached".to_owned(),
                delete_on_termination: true,
                since: None,
            }),
            security_group_ids: ["sg-00000001".parse().unwrap()].into(),
            private_ip_addresses: vec!["10.0.48.4".parse().unwrap()],
            prefixes: Vec::new(),
            ipv6_addresses: Vec::new(),
            ipv6_prefixes: Vec::new(),
            source_dest_check: true,
            description: String::new(),
            tags,
        },
        kind: "interface".to_owned(),
        requester: None,
    }
}

/// A launch of the first instance that waits, in a network where everything is there. It was
/// launched a minute ago.
pub(crate) fn case() -> Case {
    let fleet = fleet().with(1, "Pending:Wait", 60);
    let mut case = Case::new(NOW, deployment(), id(1), Some(instance(1, 60)));
    case.group = fleet.groups.into_iter().next();
    case.hooks = fleet.hooks.into_values().flatten().collect();
    case.input = case.deployment.profiles.first().cloned();
    case.subnets = vec![subnet(1, "10.0.48.0/28", 11), subnet(2, "10.0.49.0/28", 11)];
    case.security_groups = [("sg-00000001".parse().unwrap(), "vpc-00000001".to_owned())].into();
    case.limits = Some(limits(8));
    case
}

/// A node in service with all its interfaces.
pub(crate) fn ready() -> Case {
    let mut case = case()
        .in_state("InService")
        .with_execution("SUCCEEDED", None, "NodeReady");
    case.interfaces = vec![
        interface(1, 1, "signaling", Some(1)),
        interface(2, 1, "user-plane", Some(2)),
    ];
    case
}

/// A subnet of the node's Availability Zone.
pub(crate) fn subnet(n: u32, block: &str, available: u32) -> SeenSubnet {
    SeenSubnet {
        subnet: Subnet {
            id: format!("subnet-{n:08x}").parse().unwrap(),
            availability_zone: ZONE.to_owned(),
            ipv4: Some(block.parse().unwrap()),
            ipv6: None,
            reservations: Vec::new(),
        },
        vpc: "vpc-00000001".to_owned(),
        owner: Some("123456789012".to_owned()),
        available,
    }
}

/// An instance type with room for so many interfaces.
pub(crate) fn limits(interfaces: u32) -> InstanceTypeLimits {
    InstanceTypeLimits {
        instance_type: "m5.4xlarge".to_owned(),
        maximum_network_interfaces: interfaces,
        ipv4_addresses_per_interface: 30,
        ipv6_addresses_per_interface: 30,
        default_network_card: 0,
        network_cards: vec![NetworkCard {
            index: 0,
            maximum_network_interfaces: interfaces,
        }],
    }
}

/// A gate that waits for these networks, each in its subnet of the profile and without a device
/// index.
pub(crate) fn gate(networks: &[(&str, u32)]) -> Gate {
    let networks = networks.iter().map(|(name, n)| GateNetwork {
        network: (*name).to_owned(),
        subnet_ids: vec![format!("subnet-{n:08x}")],
        ..GateNetwork::default()
    });
    Gate {
        from: "part 2".to_owned(),
        holds_kubelet: true,
        networks: networks.collect(),
        claimed: Vec::new(),
    }
}

/// A number of pods of a NodeConfig.
pub(crate) fn max_pods(pods: u32) -> MaxPods {
    MaxPods::Set {
        pods,
        from: "part 1".to_owned(),
        over: Vec::new(),
    }
}

/// A role that allows these actions on everything.
pub(crate) fn role_that_allows(actions: &[&str]) -> SeenRole {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    SeenRole::Read(Role {
        policies: vec![json!({"Version": "2012-10-17", "Statement": [statement]})],
        ..Role::default()
    })
}

/// An account in which all fits: the deployment, and its group `upf` that may have ten nodes.
pub(crate) fn account() -> Account {
    let template = TemplateRef {
        id: Some("lt-00000001".to_owned()),
        name: Some("nodes".to_owned()),
        version: "$Latest".to_owned(),
    };
    let fleet = fleet();
    let group = Group {
        max: 10,
        zones: BTreeMap::from([(ZONE.to_owned(), 0)]),
        launches: Launches {
            template: Some(template.clone()),
            ..Launches::default()
        },
        ..fleet.groups[0].clone()
    };
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let subnets = [subnet(1, "10.0.48.0/28", 11), subnet(2, "10.0.49.0/28", 11)];
    Account {
        profiles: fleet.deployment.profiles.clone(),
        deployment: Some(fleet.deployment),
        deployed: true,
        groups: vec![group],
        hooks: fleet.hooks,
        templates: BTreeMap::from([(
            template,
            Some(Template {
                instance_type: Some("m5.4xlarge".to_owned()),
                by_attributes: false,
                interfaces: Vec::new(),
                user_data: UserData::Read(Said {
                    gate: Some(gate(&[("signaling", 1), ("user-plane", 2)])),
                    max_pods: max_pods(110),
                }),
                newest: None,
            }),
        )]),
        limits: BTreeMap::from([("m5.4xlarge".to_owned(), Some(limits(8)))]),
        subnets: Some(
            subnets
                .map(|seen| (seen.subnet.id.clone(), seen))
                .into_iter()
                .collect(),
        ),
        security_groups: Some([("sg-00000001".parse().unwrap(), "vpc-00000001".to_owned())].into()),
        interfaces: Some(Vec::new()),
        interface_quota: Some(5_000),
        start_execution: Some(TokenBucket {
            capacity: 1_300,
            refill_per_second: 300,
        }),
        concurrency: Some(Concurrency {
            limit: 1_000,
            unreserved: 1_000,
        }),
        machine: Some(Machine {
            role: role("launch-node"),
            functions: vec![FunctionRef::new("hookline-tag-node", Some("7"))],
            timeout_seconds: Some(10_800),
        }),
        functions: Some(BTreeMap::from([None, Some("7")].map(|version| {
            let function = Function {
                role: role("tag-node"),
                release: Some(RELEASE.to_owned()),
                code: Some("the code".to_owned()),
            };
            (
                FunctionRef::new("hookline-tag-node", version),
                Some(function),
            )
        }))),
        roles: Some(BTreeMap::from([
            (
                role("tag-node"),
                role_that_allows(&["ec2:CreateTags", "ec2:Describe*"]),
            ),
            (
                role("launch-node"),
                role_that_allows(&[
                    "autoscaling:RecordLifecycleActionHeartbeat",
                    "lambda:InvokeFunction",
                ]),
            ),
        ])),
        ..Account::default()
    }
}

impl Case {
    /// The case with an execution that ended so, in a state that was entered ten seconds ago.
    pub(crate) fn with_execution(mut self, status: &str, error: Option<&str>, state: &str) -> Self {
        self.executions = vec![execution(1, status, error)];
        let entered = |at: i64, kind: &str, state: &str| HistoryEvent {
            at: 1_000 * at,
            kind: kind.to_owned(),
            state: Some(state.to_owned()),
            input: None,
            output: None,
            failed: None,
        };
        self.history = vec![entered(NOW - 10, "TaskStateEntered", state)];
        if error.is_some() {
            let end = entered(NOW - 9, "FailStateEntered", "LaunchAbandoned");
            self.history.push(end);
        }
        self
    }

    /// The case with its instance in another lifecycle state.
    pub(crate) fn in_state(mut self, lifecycle_state: &str) -> Self {
        let group = self.group.as_mut().unwrap();
        group.members[0].lifecycle_state = lifecycle_state.to_owned();
        self
    }
}
