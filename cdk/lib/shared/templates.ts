/**
 * The syntax check of tag templates. It uses MiniJinja compiled to WebAssembly: the engine that renders the templates in the
 * functions.
 */
import { Environment } from 'minijinja-js';

/** The limit of a template's length in bytes, which is also the functions' limit. */
const MAX_TEMPLATE_BYTES = 4096;

/** A mistake in a template, and its position. */
export interface TemplateProblem {
  /** What is wrong. */
  readonly problem: string;
  /** The line, from 1. Absent if the engine does not report it. */
  readonly line?: number;
  /** The column, from 1. Absent if the engine does not report it. */
  readonly column?: number;
}

/** Returns the first mistake in a template's syntax, or `undefined` if there is none. The variables are not checked. */
export function templateProblem(source: string): TemplateProblem | undefined {
  if (Buffer.byteLength(source) > MAX_TEMPLATE_BYTES) {
    return { problem: `the template is longer than ${MAX_TEMPLATE_BYTES} bytes` };
  }
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
function parseEngineError(message: string): TemplateProblem {
  const [first = message, ...rest] = message.split('\n');
  const found = /^(?<problem>.*) \(in template:(?<line>\d+)\)$/.exec(first);
  if (found?.groups === undefined) {
    return { problem: first };
  }
  const { problem = first, line } = found.groups;
  const underline = rest.find((text) => /^\s+i\s+\^/.test(text));
  const markedLine = rest.find((text) => /^\s*\d+ > /.test(text));
  if (underline === undefined || markedLine === undefined) {
    return { problem, line: Number(line) };
  }
  return { problem, line: Number(line), column: underline.indexOf('^') - markedLine.indexOf('> ') - 1 };
}
