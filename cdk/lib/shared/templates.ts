/** The syntax of node-tag templates, checked by the engine that renders them: MiniJinja, compiled to WebAssembly. */
import { Environment } from 'minijinja-js';

/** Longer than any template a person writes; the functions have the same limit. */
const LONGEST_TEMPLATE_BYTES = 4096;

/** Where a template is wrong, and how. */
export interface TemplateProblem {
  /** What is wrong. */
  readonly problem: string;
  /** The line, from 1, where the engine tells it. */
  readonly line?: number;
  /** The column, from 1, where the engine tells it. */
  readonly column?: number;
}

/** What is wrong with the syntax of a template, or nothing. Its variables are not looked at. */
export function templateProblem(source: string): TemplateProblem | undefined {
  if (Buffer.byteLength(source) > LONGEST_TEMPLATE_BYTES) {
    return { problem: `a template longer than ${LONGEST_TEMPLATE_BYTES} bytes` };
  }
  const environment = new Environment();
  try {
    environment.addTemplate('template', source);
    return undefined;
  } catch (error) {
    return place(error instanceof Error ? error.message : String(error));
  } finally {
    environment.free();
  }
}

/**
 * The engine's binding gives its error as a text only: one line that ends in `(in template:LINE)`, and then the source
 * with the place underlined by `^`.
 */
function place(message: string): TemplateProblem {
  const [first = message, ...rest] = message.split('\n');
  const found = /^(?<problem>.*) \(in template:(?<line>\d+)\)$/.exec(first);
  if (found?.groups === undefined) {
    return { problem: first };
  }
  const { problem = first, line } = found.groups;
  const underlined = rest.find((text) => /^\s+i\s+\^/.test(text));
  const marked = rest.find((text) => /^\s*\d+ > /.test(text));
  if (underlined === undefined || marked === undefined) {
    return { problem, line: Number(line) };
  }
  return { problem, line: Number(line), column: underlined.indexOf('^') - marked.indexOf('> ') - 1 };
}
