/** Checks values against a JSON Schema. An error names the field and the remedy. */
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import { ConfigurationError } from './configuration-error';

/** The maximum length, in characters, of a key in an error message. */
const MAX_KEY_LENGTH = 128;
/** The maximum length, in characters, of a value in an error message. */
const MAX_VALUE_LENGTH = 80;

/**
 * Compiles a JSON Schema.
 *
 * @param schema the schema
 * @param referredTo the schemas that it refers to
 */
export function compileSchema(schema: object, ...referredTo: object[]): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    verbose: true,
  });
  // The type generator reads this keyword; it has no meaning for the check.
  ajv.addKeyword('tsType');
  for (const other of referredTo) {
    ajv.addSchema(other);
  }
  return ajv.compile(schema);
}

/**
 * Checks a value against a compiled schema.
 *
 * @param validate the compiled schema
 * @param root the value's name in an error, as `profile`
 * @param value the value
 * @throws ConfigurationError that names the field and the remedy
 */
export function checkSchema(validate: ValidateFunction, root: string, value: unknown): void {
  if (validate(value)) {
    return;
  }
  const errors = validate.errors ?? [];
  // A misspelled required field causes two errors. The unknown field says more than the missing field.
  const error = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0];
  throw error === undefined
    ? new ConfigurationError(root, 'not valid', 'Compare it with docs/profile.md')
    : toConfigurationError(root, value, error);
}

function toConfigurationError(root: string, value: unknown, error: ErrorObject): ConfigurationError {
  const field = fieldOfPointer(root, value, error.instancePath);
  const parameters = error.params as Record<string, unknown>;
  if (error.propertyName !== undefined) {
    return new ConfigurationError(
      `${field}[${JSON.stringify(error.propertyName.slice(0, MAX_KEY_LENGTH))}]`,
      'the tag key is not allowed',
      'Use a key of 1 to 128 characters that does not begin with aws: or hookline: and is not node.k8s.amazonaws.com/no_manage',
    );
  }
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).sort();
      return new ConfigurationError(
        `${field}.${String(parameters['additionalProperty'])}`,
        `unknown field, expected one of ${known.map((name) => `\`${name}\``).join(', ')}`,
        'Correct the name or remove the field',
      );
    }
    case 'required':
      return new ConfigurationError(
        field,
        `missing field \`${String(parameters['missingProperty'])}\``,
        'Add the field',
      );
    case 'enum':
      return new ConfigurationError(
        field,
        `expected one of ${(parameters['allowedValues'] as unknown[]).map((v) => JSON.stringify(v)).join(', ')}, found ${quote(error.data)}`,
        'Use one of these values',
      );
    case 'pattern':
      return new ConfigurationError(
        field,
        `${quote(error.data)} does not match ${expectedPattern(error)}`,
        'Correct the value',
      );
    default:
      return new ConfigurationError(
        field,
        `${error.message ?? 'not valid'}, found ${quote(error.data)}`,
        'Correct the value',
      );
  }
}

/** The pattern of the schema, followed by the schema's description if there is one. */
function expectedPattern(error: ErrorObject): string {
  const pattern = String((error.params as Record<string, unknown>)['pattern']);
  const description: unknown = error.parentSchema?.['description'];
  return typeof description === 'string' ? `${pattern} (${description.replace(/\.$/, '')})` : pattern;
}

/** Converts a JSON Pointer to the path of a field: `/slots/0/tags/a~1b` → `profile.slots[0].tags["a/b"]`. */
function fieldOfPointer(root: string, value: unknown, pointer: string): string {
  let field = root;
  let current = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(current)) {
      field += `[${key}]`;
    } else {
      field +=
        /^[A-Za-z]\w*$/.test(key) && !/(tags|Tags)$/.test(field) ? `.${key}` : `[${JSON.stringify(key)}]`;
    }
    current =
      typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined;
  }
  return field;
}

/** The value as JSON, shortened for a message. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) {
    return 'nothing';
  }
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}
