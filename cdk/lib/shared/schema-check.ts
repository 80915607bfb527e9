/** Checks a value against a JSON Schema, and says the first thing wrong with its field and a remedy. */
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import { ConfigurationError } from './configuration-error';

/** So much of a key is said, in characters. */
const LONGEST_KEY = 128;

/** Compiles a schema, and those that it refers to. */
export function compileSchema(schema: object, ...referredTo: object[]): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    verbose: true,
  });
  // Only for the types that are generated from the schema.
  ajv.addKeyword('tsType');
  for (const other of referredTo) {
    ajv.addSchema(other);
  }
  return ajv.compile(schema);
}

/**
 * Checks `value`; `root` is what its fields are named after, as `profile`.
 *
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkSchema(validate: ValidateFunction, root: string, value: unknown): void {
  if (validate(value)) {
    return;
  }
  const errors = validate.errors ?? [];
  // A misspelt field is missing too, but that it is unknown says more.
  const error = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0];
  throw error === undefined
    ? new ConfigurationError(root, 'not valid', 'Look at docs/profile.md')
    : explained(root, value, error);
}

function explained(root: string, value: unknown, error: ErrorObject): ConfigurationError {
  const at = field(root, value, error.instancePath);
  const parameters = error.params as Record<string, unknown>;
  if (error.propertyName !== undefined) {
    return new ConfigurationError(
      `${at}[${JSON.stringify(error.propertyName.slice(0, LONGEST_KEY))}]`,
      'this key cannot be used',
      'Use a key of 1 to 128 characters that does not begin with aws: or hookline:, and is not node.k8s.amazonaws.com/no_manage',
    );
  }
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).sort();
      return new ConfigurationError(
        `${at}.${String(parameters['additionalProperty'])}`,
        `unknown field, expected one of ${known.map((name) => `\`${name}\``).join(', ')}`,
        'Correct or remove it',
      );
    }
    case 'required':
      return new ConfigurationError(
        at,
        `missing field \`${String(parameters['missingProperty'])}\``,
        'Add it',
      );
    case 'enum':
      return new ConfigurationError(
        at,
        `expected one of ${(parameters['allowedValues'] as unknown[]).map((v) => JSON.stringify(v)).join(', ')}, found ${quoted(error.data)}`,
        'Use one of these',
      );
    case 'pattern':
      return new ConfigurationError(at, `${quoted(error.data)} is ${shape(error)}`, 'Correct it');
    default:
      return new ConfigurationError(
        at,
        `${error.message ?? 'not valid'}, found ${quoted(error.data)}`,
        'Correct it',
      );
  }
}

/** What a pattern asks for, in the words of its schema where it has some. */
function shape(error: ErrorObject): string {
  const description: unknown = error.parentSchema?.['description'];
  return typeof description === 'string'
    ? `not of its form (${description.replace(/\.$/, '')})`
    : `not of the form ${String((error.params as Record<string, unknown>)['pattern'])}`;
}

/** A JSON pointer as a field: `/slots/0/tags/a~1b` → `profile.slots[0].tags["a/b"]`. */
function field(root: string, value: unknown, pointer: string): string {
  let at = root;
  let here = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(here)) {
      at += `[${key}]`;
    } else {
      at += /^[A-Za-z]\w*$/.test(key) && !/(tags|Tags)$/.test(at) ? `.${key}` : `[${JSON.stringify(key)}]`;
    }
    here = typeof here === 'object' && here !== null ? (here as Record<string, unknown>)[key] : undefined;
  }
  return at;
}

/** The value, short enough for a message. */
function quoted(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
