/** The constructs of Hookline. */
export { LaunchAlarms, type LaunchAlarmsProps } from './launch/alarms';
export { ConfigurationError } from './shared/configuration-error';
export { CrossAzTraffic, type CrossAzTrafficProps } from './traffic/cross-az-traffic';
export { CrossAzTrafficStack, type CrossAzTrafficStackProps } from './traffic/cross-az-traffic-stack';
export { LaunchDashboard, type LaunchDashboardProps } from './launch/dashboard';
export {
  ExtractPods,
  type ExtractPodsProps,
  KUBERNETES_GROUP,
  type ListedCluster,
} from './traffic/extract-pods';
export { FunctionCode, type FunctionCodeOptions } from './shared/function-code';
export type { FunctionName } from './shared/functions';
export { HooklineStack, type HooklineStackProps } from './hookline-stack';
export {
  EKS_LAUNCH_HOOK,
  type HookTarget,
  LaunchLifecycleHook,
  type LaunchLifecycleHookProps,
} from './launch/launch-lifecycle-hook';
export { type NamingProfile, checkNamingProfile } from './naming/naming-profile';
export type { Naming } from './naming/naming-rules';
export { NodeLaunchOrchestrator, type NodeLaunchOrchestratorProps } from './launch/node-launch-orchestrator';
export { NodeNaming, type NodeNamingProps } from './naming/node-naming';
export { type Profile, type Slot, checkProfile } from './launch/profile';
export type { ReconcileLimits } from './launch/reconcile-rules';
export { TrafficAlarms, type TrafficAlarmsProps } from './traffic/alarms';
export { type TrafficSource, TrafficStore, type TrafficStoreProps } from './traffic/traffic-store';
