//! A run on a fake AWS in this process, in virtual time: the instances boot and the hooks wait
//! without anybody waiting for them.

use anyhow::{Context as _, Result};
use hookline_local::{LocalAws, Settings};
use hookline_testkit::connector::plain_config;
use hookline_testkit::fixture_stack;
use hookline_testkit::roles::STACK;

use crate::clients::Clients;
use crate::run::{Outcome, Plan};

/// Tries all facts of a plan on a new fake AWS, with the stack of the fixture as the deployment. What the
/// plan says of a VPC and of a stack counts for another account.
///
/// # Errors
/// If a run fails as a whole.
pub fn run(plan: &Plan, progress: impl FnMut(&Outcome) + Send) -> Result<Vec<Outcome>> {
    let plan = Plan {
        vpc: None,
        stack: Some(STACK.to_owned()),
        ..plan.clone()
    };
    // In a thread of its own: the caller may be in a runtime with another clock.
    std::thread::scope(|scope| {
        let running = scope.spawn(move || {
            let clock = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()?;
            clock.block_on(async {
                let local = LocalAws::new(Settings::for_tests());
                // Executions are only looked up, so no engine is needed.
                local.stepfunctions().on_start_execution(|_| ());
                fixture_stack::put(&local).await?;
                let clients = Clients::new(&plain_config(&local).await).await?;
                let never = std::future::pending();
                plan.run(&clients, "fake", never, progress).await
            })
        });
        let ended = running.join();
        ended.map_err(|_| anyhow::anyhow!("it panicked"))?
    })
    .context("on the fake AWS")
}
