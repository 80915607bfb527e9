/** Where the files lie that the constructs share with the Rust side. */
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

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
