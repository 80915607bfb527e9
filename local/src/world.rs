//! The composition: one kernel, and the services that share it.
//!
//! The services know the kernel and not each other. Where one needs another, that is a seam with a
//! name:
//! - [`ec2::StateObserver`]: EC2 tells Auto Scaling at once that an instance changed its state;
//! - `autoscaling::Machines`: Auto Scaling launches and terminates EC2 instances, and CloudTrail
//!   records the launches.

use tokio::time::Instant;

use crate::autoscaling::{self, AutoScaling, Machines};
use crate::cloudtrail::CloudTrail;
use crate::ec2::{self, Ec2, EndReason};
use crate::kernel::{Due, Kernel};
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;

/// The state of the fake account.
pub struct World {
    /// Settings, clock, randomness and events.
    pub kernel: Kernel,
    /// VPCs, subnets, instances and network interfaces.
    pub ec2: Ec2,
    /// Groups, hooks and lifecycle actions.
    pub autoscaling: AutoScaling,
    cloudtrail: CloudTrail,
}

/// The services that have timers.
#[derive(Clone, Copy)]
enum Service {
    Ec2,
    AutoScaling,
    CloudTrail,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            kernel: Kernel::new(settings),
            ec2: Ec2::default(),
            autoscaling: AutoScaling::default(),
            cloudtrail: CloudTrail::default(),
        }
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.next_timer().map(|(due, _)| due.at)
    }

    fn next_timer(&self) -> Option<(Due, Service)> {
        [
            (self.ec2.timers().next_due(), Service::Ec2),
            (self.autoscaling.timers().next_due(), Service::AutoScaling),
            (self.cloudtrail.timers().next_due(), Service::CloudTrail),
        ]
        .into_iter()
        .filter_map(|(due, service)| Some((due?, service)))
        .min_by_key(|(due, _)| *due)
    }

    /// Runs the timers that are due by then, each at its own instant.
    pub(crate) fn advance_to(&mut self, instant: Instant) {
        while let Some((due, service)) = self.next_timer() {
            if due.at > instant {
                break;
            }
            self.kernel.advance_to(due.at);
            match service {
                Service::Ec2 => {
                    let (ec2, kernel, mut observer) = self.ec2_context();
                    ec2::run_next_timer(ec2, kernel, &mut observer);
                }
                Service::AutoScaling => {
                    autoscaling::run_next_timer(&mut self.autoscaling_context());
                }
                Service::CloudTrail => self.cloudtrail.run_next_timer(&mut self.kernel),
            }
        }
        self.kernel.advance_to(instant);
    }

    /// Terminates an instance, as `TerminateInstances` does.
    ///
    /// # Errors
    /// `InvalidInstanceID.NotFound`.
    pub fn terminate_instance(&mut self, instance_id: &str) -> Result<(), ApiError> {
        self.end_instance(instance_id, EndReason::Call)
    }

    /// Ends an instance, by a call or by EC2 itself.
    ///
    /// # Errors
    /// `InvalidInstanceID.NotFound`.
    pub fn end_instance(&mut self, instance_id: &str, reason: EndReason) -> Result<(), ApiError> {
        let (ec2, kernel, mut observer) = self.ec2_context();
        ec2::terminate(ec2, kernel, &mut observer, instance_id, reason)
    }

    /// A call of EC2: the inner XML of `<ActionResponse>`.
    pub(crate) fn ec2_call(
        &mut self,
        action: &str,
        params: &mut Params,
    ) -> Result<String, ApiError> {
        let (ec2, kernel, mut observer) = self.ec2_context();
        ec2::act(ec2, kernel, &mut observer, action, params)
    }

    /// A call of Auto Scaling: the inner XML of `<ActionResult>`.
    pub(crate) fn autoscaling_call(
        &mut self,
        action: &str,
        params: &mut Params,
    ) -> Result<String, ApiError> {
        autoscaling::act(&mut self.autoscaling_context(), action, params)
    }

    fn ec2_context(&mut self) -> (&mut Ec2, &mut Kernel, autoscaling::InstanceObserver<'_>) {
        let observer = autoscaling::InstanceObserver {
            autoscaling: &mut self.autoscaling,
            cloudtrail: &mut self.cloudtrail,
        };
        (&mut self.ec2, &mut self.kernel, observer)
    }

    fn autoscaling_context(&mut self) -> autoscaling::Context<'_> {
        autoscaling::Context {
            autoscaling: &mut self.autoscaling,
            kernel: &mut self.kernel,
            machines: Machines {
                ec2: &mut self.ec2,
                cloudtrail: &mut self.cloudtrail,
            },
        }
    }
}
