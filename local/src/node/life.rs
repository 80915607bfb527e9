//! The life of one machine, from the moment that its instance runs.

use rand_chacha::ChaCha8Rng;

use super::cni::Cni;
use super::gate::Gate;
use super::imds::{Imds, draw};
use super::{NodeSettings, Phase};
use crate::WeakLocalAws;

/// A machine that is on. Its functions return `None` when the instance or the fake AWS is gone.
pub(super) struct Machine {
    pub(super) local: WeakLocalAws,
    pub(super) instance_id: String,
    pub(super) settings: NodeSettings,
    pub(super) rng: ChaCha8Rng,
}

/// Boots, waits at the gate, and starts kubelet and the VPC CNI. The task is aborted when the
/// instance stops or ends. A machine that was hibernated in the phase `resumes` boots no second
/// time, and passes no gate that it has passed.
pub(super) async fn run(
    local: WeakLocalAws,
    instance_id: String,
    settings: NodeSettings,
    rng: ChaCha8Rng,
    resumes: Phase,
) {
    let mut machine = Machine {
        local,
        instance_id,
        settings,
        rng,
    };
    // `None` is the end of the instance, which needs nothing more.
    let _ = machine.live(resumes).await;
}

impl Machine {
    async fn live(&mut self, resumes: Phase) -> Option<()> {
        let (kind, user_data) = self.local.upgrade()?.with_world(|world| {
            let instance = world.ec2.instance(&self.instance_id)?;
            Some((instance.instance_type.clone(), instance.user_data.clone()))
        })?;
        if resumes < Phase::Held {
            self.enter(Phase::Booting)?;
            let boot = draw(&mut self.rng, self.settings.boot_of(&kind));
            tokio::time::sleep(boot).await;
        }
        let gate = Gate::of_user_data(user_data.as_deref()).filter(|_| resumes <= Phase::Held);
        if let Some(gate) = gate {
            self.enter(Phase::Held)?;
            self.wait_at(gate).await?;
        }
        self.enter(Phase::Starting)?;
        if resumes < Phase::Joined {
            let start = draw(&mut self.rng, self.settings.kubelet_start);
            tokio::time::sleep(start).await;
        }
        let Some(settings) = self.settings.cni.clone() else {
            return self.enter(Phase::Joined);
        };
        let mut cni = Cni::start(self, &settings).await?;
        cni.machine().enter(Phase::Joined)?;
        cni.keep_warm().await
    }

    /// Holds kubelet back until every network has its interface, and the instance is not in a warm
    /// pool or on its way there.
    async fn wait_at(&mut self, gate: Result<Gate, String>) -> Option<()> {
        loop {
            let missing = match &gate {
                Ok(gate) => gate.holds(&self.imds()?),
                Err(problem) => vec![problem.clone()],
            };
            if missing.is_empty() {
                return Some(());
            }
            let local = self.local.upgrade()?;
            let at = local.with_world(|world| world.kernel.elapsed());
            local.nodes().note_missing(&self.instance_id, missing, at);
            drop(local);
            tokio::time::sleep(self.settings.gate_poll).await;
        }
    }

    /// What the metadata service shows now.
    pub(super) fn imds(&mut self) -> Option<Imds> {
        let local = self.local.upgrade()?;
        let nodes = local.nodes();
        local
            .with_world(|world| nodes.imds(world, &self.settings, &self.instance_id, &mut self.rng))
    }

    fn enter(&self, phase: Phase) -> Option<()> {
        let local = self.local.upgrade()?;
        let at = local.with_world(|world| world.kernel.elapsed());
        local.nodes().enter(&self.instance_id, phase, at);
        Some(())
    }
}
