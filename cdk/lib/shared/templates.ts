/**
 * The check of tag templates: their syntax, and the variables and filters that they use. The functions check the same
 * (`functions/domain/src/tags/template.rs`), in the same words. MiniJinja, compiled to WebAssembly, reads the syntax here and there.
 */
import { Environment } from 'minijinja-js';
import { didYouMean } from './suggestion';
import { type TemplateWord, templateWords } from './template-words';

/** The limit of a template's length in bytes, which is also the functions' limit. */
const MAX_TEMPLATE_BYTES = 4096;

/** The variables that a template may use (docs/naming.md, "Variables"). */
export const VARIABLES = [
  'asg',
  'az',
  'cluster',
  'instance_id',
  'instance_type',
  'ip',
  'ipv6_address',
  'lifecycle',
  'nodegroup',
  'private_dns_name',
  'private_ip',
  'region',
  'tags',
] as const;
/** The node's name, for the templates of its volumes and interfaces. */
export const NAME_VARIABLE = 'name';
/** The filters that a template may use (docs/naming.md, "Filters"). */
export const FILTERS = ['dashed', 'default', 'lower', 'octets', 'replace', 'upper'] as const;
/** The statements of the engine in the functions, which has no macros and no templates in templates. */
const STATEMENTS = ['autoescape', 'do', 'elif', 'else', 'filter', 'for', 'if', 'raw', 'set', 'with'];

/** A mistake in a template. */
export interface TemplateProblem {
  /** What is wrong, with its line and column where they are known: `line 1, column 4: …`. */
  readonly problem: string;
  /** How to correct it. */
  readonly remedy: string;
}

const REMEDY = 'Correct the template (docs/naming.md, Templates)';

/**
 * Returns the mistakes in a template: the first in its syntax, or else every word that is not known.
 *
 * @param source the template
 * @param hasName whether the template may use the node's name
 */
export function templateProblems(source: string, hasName: boolean): readonly TemplateProblem[] {
  if (Buffer.byteLength(source) > MAX_TEMPLATE_BYTES) {
    return [{ problem: `a template longer than ${MAX_TEMPLATE_BYTES} bytes`, remedy: REMEDY }];
  }
  const syntax = syntaxProblem(source);
  if (syntax !== undefined) {
    return [{ problem: syntax, remedy: REMEDY }];
  }
  return templateWords(source).flatMap((word) => {
    const found = wordProblem(word, hasName);
    return found === undefined
      ? []
      : [{ problem: `${position(source, word.offset)}${found.problem}`, remedy: found.remedy }];
  });
}

function wordProblem({ kind, name }: TemplateWord, hasName: boolean): TemplateProblem | undefined {
  switch (kind) {
    case 'variable': {
      const known = [...VARIABLES, ...(hasName ? [NAME_VARIABLE] : [])];
      return known.includes(name)
        ? undefined
        : {
            problem: `there is no variable \`${name}\`; there are ${VARIABLES.join(', ')}`,
            remedy: `${didYouMean(name, known)}${REMEDY}`,
          };
    }
    case 'filter':
      return (FILTERS as readonly string[]).includes(name)
        ? undefined
        : {
            problem: `unknown filter: filter ${name} is unknown`,
            remedy: `${didYouMean(name, FILTERS) || `There are ${FILTERS.join(', ')}. `}${REMEDY}`,
          };
    case 'test':
      return {
        problem: `unknown test: test ${name} is unknown`,
        remedy: 'Compare by ==, or give what may be missing a default(…) (docs/naming.md, Filters)',
      };
    case 'method':
      return {
        problem: `unknown method: there is no method ${name}`,
        remedy: `${didYouMean(name, FILTERS)}Use a filter (docs/naming.md, Filters)`,
      };
    case 'statement':
      return STATEMENTS.includes(name.replace(/^end/, ''))
        ? undefined
        : {
            problem: `syntax error: unknown statement ${name}`,
            remedy: `${didYouMean(name, STATEMENTS)}${REMEDY}`,
          };
  }
}

/** `line 1, column 4: ` of an offset. */
function position(source: string, offset: number): string {
  const before = source.slice(0, offset).split('\n');
  return `line ${before.length}, column ${Array.from(before.at(-1) ?? '').length + 1}: `;
}

/** Returns the first mistake in a template's syntax, or `undefined` if there is none. */
function syntaxProblem(source: string): string | undefined {
  const environment = new Environment();
  try {
    environment.addTemplate('template', source);
    return undefined;
  } catch (error) {
    return parseEngineError(error instanceof Error ? error.message : String(error));
  } finally {
    environment.free();
  }
}

/**
 * Reads the position from the engine's error. The WebAssembly binding reports an error only as text: a line that ends in
 * `(in template:LINE)`, followed by the source with the position underlined by `^`.
 */
function parseEngineError(message: string): string {
  const [first = message, ...rest] = message.split('\n');
  const found = /^(?<problem>.*) \(in template:(?<line>\d+)\)$/.exec(first);
  if (found?.groups === undefined) {
    return first;
  }
  const { problem = first, line = '1' } = found.groups;
  const underline = rest.find((text) => /^\s+i\s+\^/.test(text));
  const markedLine = rest.find((text) => /^\s*\d+ > /.test(text));
  if (underline === undefined || markedLine === undefined) {
    return `line ${line}: ${problem}`;
  }
  return `line ${line}, column ${underline.indexOf('^') - markedLine.indexOf('> ') - 1}: ${problem}`;
}
