//! The walker of the scale-out simulator, compared with the real engine: in the same scenarios,
//! both enter the same states and end the same way.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR and HOOKLINE_PYTHON, which `cargo xtask test` sets. It fails
//! without them.

use anyhow::{Context as _, Result};
use hookline_local::{Fault, FaultKind, LocalAws, Settings};
use hookline_simulator::run::{GROUP, Run, Scenario, on_paused_clock};
use hookline_testkit::scene::Size;
use hookline_testkit::stage::Stage;
use serde_json::Value;

/// The faults of a scenario.
type Trouble = fn(&LocalAws);

const SCENARIOS: &[(&str, Trouble)] = &[
    ("all goes well", |_| ()),
    ("throttled for longer than the SDK tries", |local| {
        local.inject(Fault::on("CreateTags", FaultKind::Throttle).times(3));
    }),
    (
        "one create is throttled for longer than the SDK tries",
        |local| {
            let subnet = local.with_world(|world| {
                let subnets = world.ec2.subnets();
                let last = subnets.max_by_key(|subnet| subnet.cidr_block);
                last.map(|subnet| subnet.subnet_id.clone())
            });
            let throttle = Fault::on("CreateNetworkInterface", FaultKind::Throttle);
            let one = throttle.when("SubnetId", subnet.unwrap_or_default());
            local.inject(one.times(3));
        },
    ),
    ("an address is refused once", |local| {
        let kind = refused("InvalidIPAddress.InUse", "Address is in use.");
        local.inject(Fault::on("CreateNetworkInterface", kind));
    }),
    ("the second attach is denied", |local| {
        let kind = refused("UnauthorizedOperation", "You are not authorized.");
        local.inject(Fault::on("AttachNetworkInterface", kind).when("DeviceIndex", "2"));
    }),
    ("tagging is denied", |local| {
        local.inject(Fault::on(
            "CreateTags",
            refused("UnauthorizedOperation", "Not authorized."),
        ));
    }),
];

fn refused(code: &str, message: &str) -> FaultKind {
    FaultKind::Error {
        status: 403,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn size() -> Size {
    Size {
        azs: 1,
        networks: 2,
        ..Size::default()
    }
}

/// How an execution ended, as both report it.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    states: Vec<String>,
    status: String,
    error: Option<String>,
    /// The keys of the output. Its values differ between two fake AWSs.
    output: Vec<String>,
}

fn keys(output: Option<&Value>) -> Vec<String> {
    let keys = output.and_then(Value::as_object).into_iter().flatten();
    let mut keys: Vec<String> = keys.map(|(key, _)| key.clone()).collect();
    keys.sort();
    keys
}

fn by_the_walker(trouble: Trouble) -> Result<Ending> {
    on_paused_clock(async move {
        let mut run = Run::new(Scenario::new(1, size(), 1)).await?;
        trouble(&run.local);
        run.launch().await?;
        while run.verdicts().is_empty() {
            tokio::time::sleep(run.look_every()).await;
            anyhow::ensure!(!run.is_over_limit(), "no verdict: {:#?}", run.history());
        }
        let first = run.verdicts().into_iter().next().context("no verdict")?;
        Ok(Ending {
            output: keys(first.output.as_ref()),
            states: first.states,
            status: first.status.to_owned(),
            error: first.error,
        })
    })
}

async fn by_the_engine(trouble: Trouble) -> Result<Ending> {
    let stage = Stage::set(Settings::default(), &size()).await?;
    stage.group(GROUP).await?;
    trouble(&stage.local);
    stage.scene.scale(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    // An abandoned launch is replaced later.
    let first = executions
        .iter()
        .find(|execution| execution.status != "RUNNING")
        .context("no execution")?;
    let ending = Ending {
        states: stage.deployment.states(&first.arn).await?,
        status: first.status.clone(),
        error: first.error.clone(),
        output: keys(first.output.as_ref()),
    };
    stage.deployment.shut_down().await;
    Ok(ending)
}

#[tokio::test]
async fn walker_enters_the_same_states_as_the_real_engine() -> Result<()> {
    for (name, trouble) in SCENARIOS {
        let trouble = *trouble;
        let walked = std::thread::spawn(move || by_the_walker(trouble))
            .join()
            .map_err(|_| anyhow::anyhow!("{name}: the walker panicked"))??;
        let engine = by_the_engine(trouble)
            .await
            .with_context(|| (*name).to_owned())?;
        assert_eq!(walked, engine, "{name}");
        assert!(walked.states.len() > 3, "{name}: {walked:?}");
    }
    Ok(())
}
