//! Nodes in a warm pool: what their metadata shows, what the gate makes of it, and what a stop and
//! a hibernation do to a machine.

use super::*;
use crate::ec2::StateObserver;
use crate::kernel::Kernel;

/// An instance that belongs to no group.
struct Nobody;

impl StateObserver for Nobody {
    fn instance_changed(&mut self, _: &mut ec2::Ec2, _: &mut Kernel, _: &str, _: InstanceState) {}
}

impl Scene {
    fn stop(&self, instance: &str, hibernates: bool) {
        self.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            ec2::stop(ec2, kernel, &mut Nobody, instance, hibernates).unwrap();
        });
    }

    fn start(&self, instance: &str) {
        self.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            ec2::start(ec2, kernel, &mut Nobody, instance).unwrap();
        });
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn gate_holds_a_node_on_its_way_into_a_warm_pool_whatever_interfaces_it_has() {
    let gate = Gate {
        gate: vec![network("signaling", "net", None)],
        ..Gate::default()
    };
    let mut node = imds(&[shown("net", None, 1)]);
    assert!(gate.missing(&node).is_empty());
    for state in [None, Some("InService"), Some("Terminated"), Some("Standby")] {
        node.target_lifecycle_state = state.map(str::to_owned);
        assert_eq!(gate.holds(&node), [""; 0], "{state:?}");
    }
    for state in ["Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated"] {
        node.target_lifecycle_state = Some(state.to_owned());
        let says = format!("autoscaling/target-lifecycle-state is {state}");
        assert_eq!(gate.holds(&node), [says]);
    }
    node.target_lifecycle_state = Some("InService".to_owned());
    node.macs.clear();
    assert_eq!(gate.holds(&node), ["signaling"]);
}

#[tokio::test(start_paused = true)]
async fn stopped_node_is_off_and_boots_again_with_its_interfaces_known_at_once() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", Some(scene.gate(Some(1))));
    pass(5).await;
    scene.attach(&id, 1);
    pass(BOOT + 10).await;
    assert_eq!(scene.phase(&id), Phase::Joined);
    scene.stop(&id, false);
    pass(5).await;
    assert_eq!(scene.phase(&id), Phase::Off);
    let calls = scene.cni_calls().len();
    pass(600).await;
    assert_eq!(
        scene.cni_calls().len(),
        calls,
        "a stopped node calls nothing"
    );
    scene.start(&id);
    pass(2).await;
    assert_eq!(scene.phase(&id), Phase::Booting);
    let reached = scene.status(&id).reached;
    assert!(!reached.contains_key(&Phase::Joined), "{reached:?}");
    pass(BOOT + 10).await;
    assert_eq!(scene.phase(&id), Phase::Joined);
    let reached = scene.status(&id).reached;
    assert_eq!(
        reached[&Phase::Starting] - reached[&Phase::Booting],
        Duration::from_secs(BOOT),
        "what was attached before the start is known from the start"
    );
}

#[tokio::test(start_paused = true)]
async fn hibernated_node_goes_on_where_it_was() {
    let scene = Scene::new();
    let joined = scene.launch("m5.large", None);
    let held = scene.launch("m5.large", Some(scene.gate(Some(1))));
    pass(BOOT + 20).await;
    assert_eq!(scene.phase(&joined), Phase::Joined);
    assert_eq!(scene.phase(&held), Phase::Held);
    for id in [&joined, &held] {
        scene.stop(id, true);
    }
    pass(5).await;
    for id in [&joined, &held] {
        assert_eq!(scene.phase(id), Phase::Off);
        scene.start(id);
    }
    pass(3).await;
    assert_eq!(scene.phase(&joined), Phase::Joined);
    assert_eq!(scene.phase(&held), Phase::Held);
    let booted = scene.status(&joined).reached;
    assert!(!booted.contains_key(&Phase::Booting), "{booted:?}");
}
