/** The constructs of Hookline. */
export { LaunchAlarms, type LaunchAlarmsProps } from './alarms';
export { ConfigurationError } from './configuration-error';
export { LaunchDashboard, type LaunchDashboardProps } from './dashboard';
export { FunctionCode, type FunctionCodeOptions } from './function-code';
export type { FunctionName } from './functions';
export { HooklineStack, type HooklineStackProps } from './hookline-stack';
export {
  EKS_LAUNCH_HOOK,
  type HookTarget,
  LaunchLifecycleHook,
  type LaunchLifecycleHookProps,
} from './launch-lifecycle-hook';
export { type NamingProfile, checkNamingProfile } from './naming-profile';
export type { Naming } from './naming-rules';
export { NodeLaunchOrchestrator, type NodeLaunchOrchestratorProps } from './node-launch-orchestrator';
export { NodeNaming, type NodeNamingProps } from './node-naming';
export { type Profile, type Slot, checkProfile } from './profile';
export type { ReconcileLimits } from './reconcile-rules';
