//! The conformance suite on the fake AWS: every fact holds, and a run leaves nothing, however it
//! ends.

// Helpers of tests may panic as tests do. JSON is indexed by name, which gives null for an absent
// field.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod deployments;
mod facts;
mod recordings;
mod removals;
mod runs;

use std::path::Path;
use std::process::{Command, Output};

use hookline_conformance::clients::Clients;
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};

/// A fake AWS with an endpoint, and a VPC of somebody in it.
struct Account {
    local: LocalAws,
    server: Server,
    vpc: String,
}

impl Account {
    async fn new() -> Self {
        Self::with(Settings::for_tests()).await
    }

    async fn with(settings: Settings) -> Self {
        let local = LocalAws::new(settings);
        local.stepfunctions().on_start_execution(|_| ());
        let server = Server::start(&local, 0).await.unwrap();
        let vpc = local.with_world(|world| {
            let block = "10.0.0.0/16".parse().unwrap();
            let ipv6 = "2600:1f14:1:200::/56".parse().ok();
            let tags = hookline_local::ec2::Tags::new();
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            hookline_local::ec2::create_vpc(ec2, kernel, block, ipv6, tags).unwrap()
        });
        Self { local, server, vpc }
    }

    /// The command at the fake AWS, which asks for what it asks for in an account.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.args(["--endpoint", &self.server.url(), "--as-account"]);
        command
    }

    /// Runs the command to its end.
    async fn run(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments)).await
    }

    async fn clients(&self) -> Clients {
        let config = Clients::of_endpoint(&self.server.url()).await;
        Clients::new(&config).await.unwrap()
    }

    /// What there is in the account beside the VPC of somebody, a line for each thing.
    async fn contents(&self) -> Vec<String> {
        let mut found = self.local.with_world(|world| {
            let live = |instance: &&hookline_local::ec2::Instance| {
                instance.state != hookline_local::ec2::InstanceState::Terminated
            };
            let ec2 = &world.ec2;
            let instances = ec2
                .instances()
                .filter(live)
                .map(|it| it.instance_id.clone());
            let interfaces = ec2.network_interfaces();
            let interfaces = interfaces.map(|it| it.network_interface_id.clone());
            let subnets = ec2.subnets().map(|it| it.subnet_id.clone());
            let reservations = ec2.reservations().map(|it| it.reservation_id.clone());
            let templates = ec2.launch_templates();
            let templates = templates.map(|it| it.launch_template_name.clone());
            let groups = ec2
                .security_groups()
                .filter(|it| it.group_name != "default");
            let groups = groups.map(|it| it.group_name.clone());
            let all = instances
                .chain(interfaces)
                .chain(subnets)
                .chain(reservations);
            all.chain(templates).chain(groups).collect::<Vec<_>>()
        });
        found.extend(self.local.sqs().queues());
        // All groups and rules, whatever their names.
        let clients = self.clients().await;
        let groups = clients.autoscaling.describe_auto_scaling_groups();
        let groups = groups.send().await.unwrap();
        let groups = groups.auto_scaling_groups().iter();
        found.extend(groups.filter_map(|it| it.auto_scaling_group_name().map(str::to_owned)));
        let rules = clients.events.list_rules().send().await.unwrap();
        let rules = rules.rules().iter();
        found.extend(rules.filter_map(|it| it.name().map(str::to_owned)));
        found
    }

    /// How many calls that change something have been made.
    fn changes(&self) -> usize {
        let is_read = |action: &str| {
            ["Describe", "List", "Get"]
                .iter()
                .any(|read| action.starts_with(read))
        };
        let calls = self.local.calls_where(|call| !is_read(&call.action));
        calls.len()
    }
}

/// The command.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.args(arguments);
    command
}

/// Runs a command to its end.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
