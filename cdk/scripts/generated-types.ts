/** The TypeScript types that are generated from JSON Schemas. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { CONFIG_SCHEMA, NAMING_PROFILE_SCHEMA, PROFILE_SCHEMA } from '../lib/shared/repository';

/** A file of generated types. */
interface GeneratedTypes {
  /** The path of the file. */
  readonly file: string;
  /** The path of its JSON Schema. */
  readonly schema: string;
  /** The first lines of the file. */
  readonly banner: string;
}

const SHARED = join(__dirname, '..', 'lib', 'shared');

/** All files of generated types. */
export const GENERATED: readonly GeneratedTypes[] = [
  {
    file: join(SHARED, 'profile.generated.ts'),
    schema: PROFILE_SCHEMA,
    banner:
      '/* Generated from functions/profile.schema.json by `npm run generate`: change the Rust types instead. */',
  },
  {
    file: join(SHARED, 'naming-profile.generated.ts'),
    schema: NAMING_PROFILE_SCHEMA,
    banner:
      '/* Generated from functions/naming-profile.schema.json by `npm run generate`: change the Rust types instead. */',
  },
  {
    file: join(SHARED, 'config.generated.ts'),
    schema: CONFIG_SCHEMA,
    banner:
      "/* Generated from config.schema.json by `npm run generate`. */\nimport type { NamingProfile } from './naming-profile.generated';\nimport type { Profile } from './profile.generated';",
  },
];

/** Returns the text of a file of generated types. */
export function generatedTypes({ schema, banner }: GeneratedTypes): Promise<string> {
  const parsed = JSON.parse(readFileSync(schema, 'utf8')) as JSONSchema & { title: string };
  return compile(parsed, parsed.title, {
    bannerComment: banner,
    additionalProperties: false,
    // A list of 1 to 200 subnets is an array, not a union of 200 tuples.
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 110 },
  });
}
