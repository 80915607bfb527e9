/**
 * The constructs and stacks of Hookline. `launch/`, `naming/` and `traffic/` are independent of one another; `nodegroup/` builds on
 * `launch/`; `shared/` holds what more than one of them uses. `hookline-stack.ts` and `hookline-app.ts` combine them.
 */
export { HooklineStack, type HooklineStackProps } from './hookline-stack';
export { LaunchAlarms, type LaunchAlarmsProps } from './launch/alarms';
export { LaunchDashboard, type LaunchDashboardProps } from './launch/dashboard';
export { EKS_LAUNCH_HOOK } from './launch/hook-rules';
export {
  type HookTarget,
  LaunchLifecycleHook,
  type LaunchLifecycleHookProps,
} from './launch/launch-lifecycle-hook';
export { LogQueries, type LogQueriesProps } from './launch/log-queries';
export { NodeLaunchOrchestrator, type NodeLaunchOrchestratorProps } from './launch/node-launch-orchestrator';
export { PeoplePolicies, type PeoplePoliciesProps } from './launch/people-policies';
export { type Profile, type Slot, checkProfile } from './launch/profile';
export type { ReconcileHooks, ReconcileLimits } from './launch/reconcile-rules';
export { addNamingAlarms } from './naming/alarms';
export { addNamingWidgets } from './naming/dashboard';
export { type NamingProfile, checkNamingProfile } from './naming/naming-profile';
export type { Naming } from './naming/naming-rules';
export { NodeNaming, type NodeNamingProps } from './naming/node-naming';
export type { LaunchTemplateData } from './nodegroup/launch-template-rules';
export {
  type ExistingVpc,
  MultusNetwork,
  type MultusNetworkProps,
  type NewCluster,
  type NewVpc,
} from './nodegroup/multus-network';
export { MultusNodeGroup, type MultusNodeGroupProps, checkNodeGroup } from './nodegroup/multus-node-group';
export {
  type NetworkDefinition,
  type NetworkedGroups,
  networkDefinitions,
} from './nodegroup/network-definitions';
export { NetworkStack, type NetworkStackProps } from './nodegroup/network-stack';
export type { PlannedNetwork } from './nodegroup/subnet-plan';
export { type AboveZeroAlarmProps, AlarmSet, type AlarmSetProps } from './shared/alarm-set';
export type {
  HooklineConfig,
  HooklineConfigFile,
  NodeGroup,
  NodeGroupCluster,
  NodeNetwork,
} from './shared/config';
export { ConfigurationError } from './shared/configuration-error';
export { FunctionCode, type FunctionCodeOptions } from './shared/function-code';
export type { FunctionName } from './shared/functions';
export type { HostingProps } from './shared/hosting';
export type { NetworkLimit } from './shared/profile-resources';
export { TrafficAlarms, type TrafficAlarmsProps } from './traffic/alarms';
export { CrossAzTraffic, type CrossAzTrafficProps } from './traffic/cross-az-traffic';
export { CrossAzTrafficStack, type CrossAzTrafficStackProps } from './traffic/cross-az-traffic-stack';
export {
  ExtractPods,
  type ExtractPodsProps,
  KUBERNETES_GROUP,
  type ListedCluster,
} from './traffic/extract-pods';
export { type TrafficSource, TrafficStore, type TrafficStoreProps } from './traffic/traffic-store';
