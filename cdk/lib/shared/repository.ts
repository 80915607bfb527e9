/** Where the files lie that the constructs share with the Rust side. */
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');

/** The JSON Schema of a profile. */
export const PROFILE_SCHEMA = join(ROOT, 'functions', 'profile.schema.json');
/** The JSON Schema of a naming profile. */
export const NAMING_PROFILE_SCHEMA = join(ROOT, 'functions', 'naming-profile.schema.json');
/** The API actions that each function calls. */
export const PERMISSIONS = join(ROOT, 'functions', 'permissions.json');
/** The state machine of a launch. */
export const LAUNCH_NODE = join(ROOT, 'statemachine', 'launch-node.asl.json');
/** The state machine that names the nodes of groups without a hook. */
export const NAME_NODE = join(ROOT, 'statemachine', 'name-node.asl.json');
/** Where `cargo xtask package` puts the functions. */
export const PACKAGED_FUNCTIONS = join(ROOT, 'dist', 'functions');
/** The manifest of the functions' crate. */
export const FUNCTIONS_MANIFEST = join(ROOT, 'functions', 'Cargo.toml');
/** The JSON Schema of the app's configuration. */
export const CONFIG_SCHEMA = join(__dirname, 'config.schema.json');
/** The manifest of extract-pods' crate. */
export const EXTRACT_PODS_MANIFEST = join(ROOT, 'traffic', 'extract-pods', 'Cargo.toml');
/** The state machine of the traffic across Availability Zones. */
export const CROSS_AZ_TRAFFIC = join(ROOT, 'statemachine', 'cross-az-traffic.asl.json');
/** The SQL of the traffic across Availability Zones. */
export const TRAFFIC_SQL = join(ROOT, 'traffic', 'sql');
/** The Glue tables of it. */
export const TRAFFIC_TABLES = join(ROOT, 'traffic', 'glue');
/** The code of the custom resource that makes the Iceberg table. */
export const CREATE_TABLE = join(__dirname, '..', 'traffic', 'create-table');
