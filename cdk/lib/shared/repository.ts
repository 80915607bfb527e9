/** The paths of the repository's files that the constructs read. */
import { join } from 'node:path';

/** The repository's root. */
export const REPOSITORY = join(__dirname, '..', '..', '..');

/** The JSON Schema of a profile. */
export const PROFILE_SCHEMA = join(REPOSITORY, 'functions', 'profile.schema.json');
/** The JSON Schema of a naming profile. */
export const NAMING_PROFILE_SCHEMA = join(REPOSITORY, 'functions', 'naming-profile.schema.json');
/** The API actions that each function calls. */
export const PERMISSIONS = join(REPOSITORY, 'functions', 'permissions.json');
/** The state machine of a launch. */
export const LAUNCH_NODE = join(REPOSITORY, 'statemachine', 'launch-node.asl.json');
/** The state machine that names the nodes of groups without a hook. */
export const NAME_NODE = join(REPOSITORY, 'statemachine', 'name-node.asl.json');
/** The folder of the functions' zip files, which `cargo xtask package` writes. */
export const PACKAGED_FUNCTIONS = join(REPOSITORY, 'dist', 'functions');
/** The manifest of the functions' crate. */
export const FUNCTIONS_MANIFEST = join(REPOSITORY, 'functions', 'Cargo.toml');
/** The JSON Schema of the app's configuration. */
export const CONFIG_SCHEMA = join(__dirname, 'config.schema.json');
/** The manifest of the crate of the function extract-pods. */
export const EXTRACT_PODS_MANIFEST = join(REPOSITORY, 'traffic', 'extract-pods', 'Cargo.toml');
/** The state machine of the cross-AZ traffic. */
export const CROSS_AZ_TRAFFIC = join(REPOSITORY, 'statemachine', 'cross-az-traffic.asl.json');
/** The folder of the SQL of the cross-AZ traffic. */
export const TRAFFIC_SQL = join(REPOSITORY, 'traffic', 'sql');
/** The folder of the Glue tables of the cross-AZ traffic. */
export const TRAFFIC_TABLES = join(REPOSITORY, 'traffic', 'glue');
/** The node's programs, packed for user data (`node/bundle.py`). */
export const NODE_BUNDLE = join(REPOSITORY, 'node', 'bundle.txt');
/** The network limits of EC2's instance types. */
export const INSTANCE_TYPES = join(REPOSITORY, 'local', 'src', 'ec2', 'instance_types.tsv');
