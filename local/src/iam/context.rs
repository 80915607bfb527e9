//! What IAM compares with the policies for a call: the ARNs of its resources, and the condition
//! keys. All of it comes from the call and from the fake's own books, before any policy is read.
//!
//! A resource that is not there has no tags, so a condition on its tags does not hold, and the call
//! is denied: EC2 answers `UnauthorizedOperation` to a role whose policy selects by tags, when the
//! instance has been terminated and forgotten (aws/karpenter-provider-aws, issue 2100 and pull
//! request 2253), or the interface has been detached already (hashicorp/terraform-provider-aws,
//! pull request 46211).

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::actions::{self, Action, Target};
use super::condition::{Context, TAG_KEYS};
use super::policy::AuthorizationRequest;
use crate::ec2::Tags;
use crate::world::World;

/// The parameters of a call, as they were on the wire.
type Parameters = BTreeMap<String, String>;

/// What a call must be allowed: each action on each resource. `None` if the fake AWS does not know
/// what the action is authorised on.
pub(crate) fn requests(
    world: &World,
    service: &str,
    call: &str,
    parameters: &Parameters,
) -> Option<Vec<AuthorizationRequest>> {
    let action = actions::find(service, call)?;
    let books = Books {
        world,
        action,
        parameters,
    };
    let targets = action.targets.iter();
    Some(targets.flat_map(|target| books.of(*target)).collect())
}

struct Books<'a> {
    world: &'a World,
    action: &'static Action,
    parameters: &'a Parameters,
}

impl Books<'_> {
    fn of(&self, target: Target) -> Vec<AuthorizationRequest> {
        match target {
            Target::All => vec![self.request("*".to_owned(), Context::default())],
            Target::New(kind) => self.new_resource(kind),
            Target::Named(kind, parameter) => {
                let ids = self.values(parameter).into_iter();
                ids.map(|id| self.existing(kind, &id, &Tags::new()))
                    .collect()
            }
            Target::Tagged => {
                let tags = self.tags("Tag");
                let ids = self.values("ResourceId").into_iter();
                ids.map(|id| {
                    let kind = crate::ec2::resource_type(&id).unwrap_or("unknown");
                    self.existing(kind, &id, &tags)
                })
                .collect()
            }
            Target::Attachment => {
                let id = self.text("AttachmentId");
                self.attachment(&id)
            }
            Target::AttachmentChange => {
                let id = self.text("Attachment.AttachmentId");
                let mut requests = self.attachment(&id);
                requests
                    .retain(|request| !id.is_empty() && request.resource.contains(":instance/"));
                requests
            }
            Target::Group => vec![self.group(&self.text("AutoScalingGroupName"))],
            Target::GroupOfInstance => {
                let instance = self.text("InstanceId");
                let group = self.world.autoscaling.group_of(&instance);
                vec![self.group(group.unwrap_or("*"))]
            }
            Target::TaggedGroups => {
                // "Use aws:TagKeys to require that specific tag keys be present (or not present) in a
                // request" (Auto Scaling User Guide, "Tags for security").
                let tags = self.tags("Tags.member");
                let numbers = self.numbers("Tags.member");
                let groups: BTreeSet<String> = numbers
                    .map(|n| self.text(&format!("Tags.member.{n}.ResourceId")))
                    .collect();
                let requests = groups.iter().map(|name| {
                    let mut request = self.group(name);
                    set_request_tags(&mut request.context, &tags);
                    request
                });
                requests.collect()
            }
            Target::States(_, parameter) => {
                vec![self.request(self.text(parameter), Context::default())]
            }
            Target::NewStateMachine => {
                let resource = format!("stateMachine:{}", self.text("name"));
                vec![self.request(self.arn("states", &resource), Context::default())]
            }
            Target::Function => {
                let name = self.text("FunctionName");
                let name = percent_decode_str(&name).decode_utf8_lossy();
                let arn = match name.starts_with("arn:") {
                    true => name.into_owned(),
                    false => self.arn("lambda", &format!("function:{name}")),
                };
                vec![self.request(arn, Context::default())]
            }
            Target::Cluster => {
                let resource = format!("cluster/{}", self.text("name"));
                vec![self.request(self.arn("eks", &resource), Context::default())]
            }
            Target::Rule(parameter) => {
                let resource = format!("rule/{}", self.text(parameter));
                vec![self.request(self.arn("events", &resource), Context::default())]
            }
            Target::EventBus => {
                vec![self.request(self.arn("events", "event-bus/default"), Context::default())]
            }
        }
    }

    fn request(&self, resource: String, context: Context) -> AuthorizationRequest {
        AuthorizationRequest {
            action: format!("{}:{}", self.action.service, self.action.name),
            resource,
            context,
        }
    }

    /// A resource that the call creates. If the call sets tags on it, `ec2:CreateTags` must be
    /// allowed too, with the call in `ec2:CreateAction` (EC2 User Guide, "Grant permission to tag
    /// Amazon EC2 resources during creation").
    fn new_resource(&self, kind: &str) -> Vec<AuthorizationRequest> {
        let mut tags = Tags::new();
        for n in self.numbers("TagSpecification") {
            let name = format!("TagSpecification.{n}");
            if self.text(&format!("{name}.ResourceType")) == kind {
                tags.extend(self.tags(&format!("{name}.Tag")));
            }
        }
        let mut context = Context::default();
        set_request_tags(&mut context, &tags);
        let arn = self.arn("ec2", &format!("{kind}/*"));
        let mut requests = vec![self.request(arn.clone(), context.clone())];
        if !tags.is_empty() {
            context.set("ec2:CreateAction", [self.action.name.to_owned()]);
            requests.push(AuthorizationRequest {
                action: "ec2:CreateTags".to_owned(),
                resource: arn,
                context,
            });
        }
        requests
    }

    /// A resource of EC2 that is there, with the tags that the call sets on it or takes from it.
    fn existing(&self, kind: &str, id: &str, request_tags: &Tags) -> AuthorizationRequest {
        let ec2 = &self.world.ec2;
        let mut context = Context::default();
        set_request_tags(&mut context, request_tags);
        let (mut subnet, mut vpc) = (None, None);
        match kind {
            "network-interface" => {
                if let Some(interface) = ec2.network_interface(id) {
                    subnet = Some(interface.subnet_id.as_str());
                    vpc = Some(interface.vpc_id.as_str());
                }
            }
            "subnet" => vpc = ec2.subnet(id).map(|subnet| subnet.vpc_id.as_str()),
            "security-group" => {
                let mut groups = ec2.security_groups();
                let group = groups.find(|group| group.group_id == id);
                vpc = group.map(|group| group.vpc_id.as_str());
            }
            _ => {}
        }
        let account = self.world.kernel.settings.account.as_str();
        let of_vpc = if kind == "vpc" { Some(id) } else { vpc };
        let vpc_owner = of_vpc.and_then(|id| ec2.vpc(id));
        let vpc_owner = vpc_owner.map_or(account, |vpc| vpc.owner_id.as_str());
        // The owner of a VPC owns its subnets. All else belongs to the account that creates it.
        let owner = match kind {
            "subnet" | "vpc" => vpc_owner,
            _ => account,
        };
        if owner == account {
            for (key, value) in crate::ec2::tags_of(ec2, id).unwrap_or_default() {
                context.set(&format!("aws:ResourceTag/{key}"), [value.clone()]);
                context.set(&format!("ec2:ResourceTag/{key}"), [value]);
            }
        }
        let arn = |owner, kind: &str, id: &str| self.arn_of(owner, "ec2", &format!("{kind}/{id}"));
        context.set("ec2:Subnet", subnet.map(|id| arn(vpc_owner, "subnet", id)));
        context.set("ec2:Vpc", vpc.map(|id| arn(vpc_owner, "vpc", id)));
        self.request(arn(owner, kind, id), context)
    }

    /// The interface and the instance of an attachment. The ARNs of an attachment that is not there
    /// name no id.
    fn attachment(&self, id: &str) -> Vec<AuthorizationRequest> {
        let (interface, instance) = match self.world.ec2.attachment(id) {
            Some((interface, attachment)) => (
                interface.network_interface_id.as_str(),
                attachment.instance_id.as_str(),
            ),
            None => ("*", "*"),
        };
        vec![
            self.existing("network-interface", interface, &Tags::new()),
            self.existing("instance", instance, &Tags::new()),
        ]
    }

    /// An Auto Scaling group. The ARN of one that is not there has no id.
    fn group(&self, name: &str) -> AuthorizationRequest {
        let mut context = Context::default();
        let arn = match self.world.autoscaling.arn_and_tags(name) {
            Some((arn, tags)) => {
                for (key, value) in tags {
                    context.set(&format!("aws:ResourceTag/{key}"), [value.to_owned()]);
                    context.set(
                        &format!("autoscaling:ResourceTag/{key}"),
                        [value.to_owned()],
                    );
                }
                arn.to_owned()
            }
            None => {
                let resource = format!("autoScalingGroup:*:autoScalingGroupName/{name}");
                self.arn("autoscaling", &resource)
            }
        };
        self.request(arn, context)
    }

    /// An ARN in the account.
    fn arn(&self, service: &str, resource: &str) -> String {
        self.arn_of(&self.world.kernel.settings.account, service, resource)
    }

    /// An ARN in an account. The fake AWS has one partition.
    fn arn_of(&self, account: &str, service: &str, resource: &str) -> String {
        let region = &self.world.kernel.settings.region;
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    }

    fn text(&self, name: &str) -> String {
        self.parameters.get(name).cloned().unwrap_or_default()
    }

    /// A parameter, or the members of the list of that name.
    fn values(&self, name: &str) -> Vec<String> {
        let single = self.parameters.get(name).cloned();
        let members = self
            .numbers(name)
            .filter_map(|n| self.parameters.get(&format!("{name}.{n}")).cloned());
        single.into_iter().chain(members).collect()
    }

    /// The numbers of a list's members, in whatever order.
    fn numbers<'b>(&'b self, name: &str) -> impl Iterator<Item = &'b str> + use<'b> {
        let start = format!("{name}.");
        let mut numbers: Vec<&str> = self
            .parameters
            .keys()
            .filter_map(|key| key.strip_prefix(&start)?.split('.').next())
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        numbers.dedup();
        numbers.into_iter()
    }

    /// The tags in a list: `Name.N.Key` and `Name.N.Value`.
    fn tags(&self, name: &str) -> Tags {
        self.numbers(name)
            .map(|n| {
                let part = |part| self.text(&format!("{name}.{n}.{part}"));
                (part("Key"), part("Value"))
            })
            .collect()
    }
}

fn set_request_tags(context: &mut Context, tags: &Tags) {
    for (key, value) in tags {
        context.set(&format!("aws:RequestTag/{key}"), [value.clone()]);
    }
    context.set(TAG_KEYS, tags.keys().cloned());
}
