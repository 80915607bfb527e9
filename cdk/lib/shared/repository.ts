/** Hookline's version, and the paths of the repository's files that the constructs read. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The copy of the files in the package of the constructs, which `scripts/build-package.ts` makes. */
const COPY = join(__dirname, '..', '..', 'data');
const IS_PACKAGE = existsSync(COPY);

/** The repository's root; in the package of the constructs, a folder with the files that they read. */
export const REPOSITORY = IS_PACKAGE ? COPY : join(__dirname, '..', '..', '..');

/** The files and folders that the constructs read, from the repository's root. */
const FILES = {
  manifest: 'cdk/package.json',
  namingProfileSchema: 'functions/naming-profile.schema.json',
  permissions: 'functions/permissions.json',
  profileSchema: 'functions/profile.schema.json',
  instanceTypes: 'local/src/ec2/instance_types.tsv',
  nodeBundle: 'node/bundle.txt',
  nodeSignalBundle: 'node/bundle-signal.txt',
  crossAzTraffic: 'statemachine/cross-az-traffic.asl.json',
  launchNode: 'statemachine/launch-node.asl.json',
  nameNode: 'statemachine/name-node.asl.json',
  trafficTables: 'traffic/glue',
  trafficPrices: 'traffic/prices.json',
  trafficSql: 'traffic/sql',
} as const;

/** The same, of which the package has a copy each. */
export const FILES_READ = Object.values(FILES);

/** Hookline's version. */
export const { version: VERSION } = JSON.parse(readFileSync(join(REPOSITORY, FILES.manifest), 'utf8')) as {
  readonly version: string;
};

/** The JSON Schema of a profile. */
export const PROFILE_SCHEMA = join(REPOSITORY, FILES.profileSchema);
/** The JSON Schema of a naming profile. */
export const NAMING_PROFILE_SCHEMA = join(REPOSITORY, FILES.namingProfileSchema);
/** The API actions that each function calls. */
export const PERMISSIONS = join(REPOSITORY, FILES.permissions);
/** The state machine of a launch. */
export const LAUNCH_NODE = join(REPOSITORY, FILES.launchNode);
/** The state machine that names the nodes of groups without a hook. */
export const NAME_NODE = join(REPOSITORY, FILES.nameNode);
/** The folder of the functions' zip files, which `cargo xtask package` writes. An app that uses the package has its own. */
export const PACKAGED_FUNCTIONS = IS_PACKAGE
  ? resolve('dist', 'functions')
  : join(REPOSITORY, 'dist', 'functions');
/** The manifest of the functions' crate. The package has none. */
export const FUNCTIONS_MANIFEST = join(REPOSITORY, 'functions', 'Cargo.toml');
/** The JSON Schema of the app's configuration. */
export const CONFIG_SCHEMA = join(__dirname, 'config.schema.json');
/** The state machine of the cross-AZ traffic. */
export const CROSS_AZ_TRAFFIC = join(REPOSITORY, FILES.crossAzTraffic);
/** The folder of the SQL of the cross-AZ traffic. */
export const TRAFFIC_SQL = join(REPOSITORY, FILES.trafficSql);
/** The folder of the Glue tables of the cross-AZ traffic. */
export const TRAFFIC_TABLES = join(REPOSITORY, FILES.trafficTables);
/** The prices of the cross-AZ traffic, with their sources. */
export const TRAFFIC_PRICES = join(REPOSITORY, FILES.trafficPrices);
/** The node's programs, packed for user data (`node/bundle.py`). */
export const NODE_BUNDLE = join(REPOSITORY, FILES.nodeBundle);
/** The same, with what tells CloudFormation that a node is ready. */
export const NODE_SIGNAL_BUNDLE = join(REPOSITORY, FILES.nodeSignalBundle);
/** The network limits of EC2's instance types. */
export const INSTANCE_TYPES = join(REPOSITORY, FILES.instanceTypes);
