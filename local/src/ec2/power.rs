//! StopInstances and StartInstances.

use super::instance::{
    InstanceState, StateObserver, instances_named, set_state, state_changes, state_of,
};
use super::{Ec2, Timer};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;

/// Begins to stop a running instance, or to hibernate it. In any other state it stays as it is. Its
/// interfaces stay attached and keep their addresses (EC2 User Guide, "Stop and start Amazon EC2
/// instances", "How it works"; "Hibernate your Amazon EC2 instance", "How Amazon EC2 instance
/// hibernation works").
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn stop(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    instance_id: &str,
    hibernates: bool,
) -> Result<(), ApiError> {
    if state_of(ec2, instance_id)? == InstanceState::Running {
        ec2.edit_instance(kernel, instance_id, |instance| {
            instance.hibernated = hibernates;
        });
        let timer = Timer::InstanceStopped(instance_id.to_owned());
        kernel.schedule(&mut ec2.timers, kernel.settings.shutdown_for, timer);
        set_state(ec2, kernel, observer, instance_id, InstanceState::Stopping);
    }
    Ok(())
}

/// Begins to start a stopped instance. In any other state it stays as it is.
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn start(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    instance_id: &str,
) -> Result<(), ApiError> {
    if state_of(ec2, instance_id)? == InstanceState::Stopped {
        let now = kernel.now();
        ec2.edit_instance(kernel, instance_id, |instance| instance.launch_time = now);
        let timer = Timer::InstanceRunning(instance_id.to_owned());
        let kind = ec2
            .instance(instance_id)
            .map(|instance| instance.instance_type.clone());
        let pending = kernel.draw_pending(&kind.unwrap_or_default());
        kernel.schedule(&mut ec2.timers, pending, timer);
        set_state(ec2, kernel, observer, instance_id, InstanceState::Pending);
    }
    Ok(())
}

pub(crate) fn stop_all(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    params: &mut Params,
) -> Result<String, ApiError> {
    params.bool("Force")?;
    let hibernates = params.bool("Hibernate")?.unwrap_or(false);
    let before = instances_named(ec2, params, |id, state| match state {
        // No call can enable an instance for hibernation here.
        _ if hibernates => Err(ApiError::new(
            "UnsupportedHibernationConfiguration",
            format!("The instance '{id}' is not enabled for hibernation."),
        )),
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => Ok(()),
        _ => Err(cannot(id, "stopped")),
    })?;
    for (id, _) in &before {
        stop(ec2, kernel, observer, id, false)?;
    }
    Ok(state_changes(ec2, before))
}

pub(crate) fn start_all(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    params: &mut Params,
) -> Result<String, ApiError> {
    let before = instances_named(ec2, params, |id, state| match state {
        InstanceState::Stopped | InstanceState::Running | InstanceState::Pending => Ok(()),
        _ => Err(cannot(id, "started")),
    })?;
    for (id, _) in &before {
        start(ec2, kernel, observer, id)?;
    }
    Ok(state_changes(ec2, before))
}

fn cannot(id: &str, what: &str) -> ApiError {
    ApiError::new(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in a state from which it can be {what}."),
    )
}
