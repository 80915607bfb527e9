/** Checks values against a JSON Schema. Each error names the field and the remedy. */
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import { ConfigurationError } from './configuration-error';
import { memberOf } from './field-path';
import { didYouMean, suggestion } from './suggestion';

/** The maximum length, in characters, of a key in an error message. */
const MAX_KEY_LENGTH = 128;
/** The maximum length, in characters, of a value in an error message. */
const MAX_VALUE_LENGTH = 80;
/** The name of a configuration in an error about all of it. */
const WHOLE = 'config';

/** A mistake that a JSON Schema finds. */
export interface SchemaMistake {
  /** The place of the wrong value: the keys and indexes on the way to it. */
  readonly path: readonly string[];
  /** Whether the value only has a field that it may not have. */
  readonly isUnknownField: boolean;
  /** The error. */
  readonly error: ConfigurationError;
}

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
 * Returns the mistakes that a compiled schema finds, one for each wrong field.
 *
 * @param validate the compiled schema
 * @param root the value's name in an error, as `profiles[0]`; empty for a configuration
 * @param value the value
 */
export function schemaMistakes(validate: ValidateFunction, root: string, value: unknown): SchemaMistake[] {
  if (validate(value)) {
    return [];
  }
  const told = new Set<string>();
  return withoutRepetitions(validate.errors ?? []).flatMap((error) => {
    const path = keysOf(error.instancePath);
    // Of a value that breaks several rules, the first is told. An object may have several wrong fields.
    const key = `${error.instancePath} ${fieldOfError(error) ?? ''}`;
    if (told.has(key)) {
      return [];
    }
    told.add(key);
    return [
      {
        path: [...path, ...keyOf(error)],
        isUnknownField: error.keyword === 'additionalProperties',
        error: toConfigurationError(fieldOfPath(root, value, path), error),
      },
    ];
  });
}

/** The key that an object may not have, of an error about its keys. */
function keyOf({ propertyName, params }: ErrorObject): string[] {
  const key = propertyName ?? (params as { propertyName?: string }).propertyName;
  return key === undefined ? [] : [key];
}

/** The field of an object that an error is about, if it is not about all of the object. */
function fieldOfError(error: ErrorObject): string | undefined {
  const { additionalProperty, missingProperty } = error.params as {
    additionalProperty?: string;
    missingProperty?: string;
  };
  return additionalProperty ?? missingProperty ?? keyOf(error)[0];
}

/** Leaves out the errors that follow from others: of a value that may be null, and of a misspelled field. */
function withoutRepetitions(errors: readonly ErrorObject[]): ErrorObject[] {
  const forms = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const unknown = errors.filter(({ keyword }) => keyword === 'additionalProperties');
  return errors.filter((error) => {
    const { keyword, instancePath, params } = error;
    const mayBeNull = forms.some((form) => form.instancePath === instancePath);
    if (mayBeNull && (forms.includes(error) || (params as { type?: unknown }).type === 'null')) {
      // Without another error, the value fits none of the forms.
      return !errors.some(
        (other) =>
          other !== error &&
          !forms.includes(other) &&
          (other.params as { type?: unknown }).type !== 'null' &&
          `${other.instancePath}/`.startsWith(`${instancePath}/`),
      );
    }
    if (keyword === 'required') {
      const missing = String((params as { missingProperty?: unknown }).missingProperty);
      return !unknown.some(
        (other) =>
          other.instancePath === instancePath &&
          suggestion(fieldOfError(other) ?? '', [missing]) !== undefined,
      );
    }
    return true;
  });
}

function toConfigurationError(field: string, error: ErrorObject): ConfigurationError {
  const named = field === '' ? WHOLE : field;
  const parameters = error.params as Record<string, unknown>;
  const properties = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).sort();
  const [key] = keyOf(error);
  if (key !== undefined) {
    return keyError(field, key);
  }
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(parameters['additionalProperty']);
      return new ConfigurationError(
        memberOf(field, name.slice(0, MAX_KEY_LENGTH)),
        `unknown field, expected one of ${properties.map((one) => `\`${one}\``).join(', ')}`,
        `${didYouMean(name, properties)}Correct the name or remove the field`,
      );
    }
    case 'required':
      return new ConfigurationError(
        named,
        `missing field \`${String(parameters['missingProperty'])}\``,
        'Add the field',
      );
    case 'enum': {
      const allowed = parameters['allowedValues'] as unknown[];
      const meant = allowed.every((one) => typeof one === 'string') ? allowed : [];
      return new ConfigurationError(
        named,
        `expected one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}, found ${quote(error.data)}`,
        `${typeof error.data === 'string' ? didYouMean(error.data, meant) : ''}Use one of these values`,
      );
    }
    case 'pattern':
      return new ConfigurationError(
        named,
        `${quote(error.data)} does not match ${expectedPattern(error)}`,
        'Correct the value',
      );
    case 'type':
      return typeError(named, parameters['type'], error.data);
    case 'const':
      return new ConfigurationError(
        named,
        `expected ${JSON.stringify(parameters['allowedValue'])}, found ${quote(error.data)}`,
        'Use this value, or remove the field',
      );
    case 'minProperties':
    case 'maxProperties':
      if (properties.length > 0) {
        const found = Object.keys(error.data as object);
        return new ConfigurationError(
          named,
          `expected one of the fields ${properties.map((one) => `\`${one}\``).join(', ')}, found ${found.length === 0 ? 'none' : found.map((one) => `\`${one}\``).join(' and ')}`,
          'Set exactly one of them',
        );
      }
      break;
    default:
  }
  return new ConfigurationError(
    named,
    `${error.message ?? 'not valid'}, found ${quote(error.data)}`,
    'Correct the value',
  );
}

/** The names of JSON's types, and how a value of each is written. */
const TYPES: Readonly<Record<string, readonly [string, string]>> = {
  array: ['a list', 'Write a list in square brackets'],
  boolean: ['true or false', 'Write true or false, without quotes'],
  integer: ['an integer', 'Write a number, without quotes'],
  number: ['a number', 'Write a number, without quotes'],
  object: ['an object', 'Write an object in braces'],
  string: ['a text', 'Write a text in quotes'],
};

/** The error of a value of another type. A value that may be absent may also be null, which nobody needs to write. */
function typeError(field: string, types: unknown, found: unknown): ConfigurationError {
  const all = (Array.isArray(types) ? types : [types]).map(String);
  const expected = all.map((type) => TYPES[type]).filter((type) => type !== undefined);
  return new ConfigurationError(
    field,
    `expected ${expected.map(([name]) => name).join(' or ')}, found ${quote(found)}`,
    expected[0]?.[1] ?? 'Correct the value',
  );
}

/** The error of a key of tags or labels: by the rules of the functions, and in their words. */
function keyError(field: string, key: string): ConfigurationError {
  const of = memberOf(field, key.slice(0, MAX_KEY_LENGTH));
  if (!/tags$/i.test(field)) {
    return new ConfigurationError(of, 'the key is not allowed', 'Use the key of a Kubernetes label');
  }
  const length = Array.from(key).length;
  const remedy = 'Use another key';
  if (length === 0 || length > MAX_KEY_LENGTH) {
    return new ConfigurationError(
      of,
      `a key of ${length} characters, expected 1 to ${MAX_KEY_LENGTH}`,
      remedy,
    );
  }
  return /^aws:/i.test(key)
    ? new ConfigurationError(of, "keys that begin with aws: are AWS's own", remedy)
    : new ConfigurationError(of, 'Hookline sets this tag itself', remedy);
}

/** The pattern of the schema, followed by the schema's description if there is one. */
function expectedPattern(error: ErrorObject): string {
  const pattern = String((error.params as Record<string, unknown>)['pattern']);
  const description: unknown = error.parentSchema?.['description'];
  return typeof description === 'string' ? `${pattern} (${description.replace(/\.$/, '')})` : pattern;
}

/** The keys and indexes of a JSON Pointer: `/slots/0/tags/a~1b` → `slots`, `0`, `tags`, `a/b`. */
function keysOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Converts keys and indexes to the path of a field: `profiles[0].slots[0].tags["a/b"]`. */
function fieldOfPath(root: string, value: unknown, path: readonly string[]): string {
  let field = root;
  let current = value;
  for (const key of path) {
    field = Array.isArray(current) ? `${field}[${key}]` : memberOf(field, key);
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
