/**
 * The words of a template that must be known: its variables, filters, tests, methods and statements. MiniJinja finds its undeclared variables
 * itself, but its JavaScript package has no function for it (minijinja-js 2.11), and it has more filters and statements than
 * the functions allow. The template's syntax has been checked before.
 */

/** A word of a template. */
export interface TemplateWord {
  /** What the word names. */
  readonly kind: 'variable' | 'filter' | 'test' | 'method' | 'statement';
  /** The word. */
  readonly name: string;
  /** Its position in the source, from 0. */
  readonly offset: number;
}

interface Token {
  readonly text: string;
  readonly offset: number;
}

/** Words of the language in expressions (MiniJinja's parser). */
const KEYWORDS = new Set([
  'and',
  'or',
  'not',
  'in',
  'is',
  'if',
  'else',
  'true',
  'True',
  'false',
  'False',
  'none',
  'None',
]);
/** The variables that the language itself declares. */
const DECLARED = ['loop', 'self', 'caller', 'super'];
/** A `raw` block, a comment, an expression, or a statement. Texts may contain the closing marks. */
const TAGS =
  /\{%[-+]?\s*raw\s*[-+]?%\}[\s\S]*?\{%[-+]?\s*endraw\s*[-+]?%\}|\{#[\s\S]*?#\}|\{(?<mark>[{%])(?<code>(?:'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|[^'"])*?)[-+]?[}%]\}/g;
const TOKENS = /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|[A-Za-z_]\w*|\d[\w.]*|[=!<>]=|\*\*|\/\/|\S/g;
const IDENTIFIER = /^[A-Za-z_]\w*$/;

/** Returns the words of a template whose syntax is right. */
export function templateWords(source: string): TemplateWord[] {
  const words: TemplateWord[] = [];
  const declared = new Set(DECLARED);
  for (const match of source.matchAll(TAGS)) {
    const { mark, code } = match.groups ?? {};
    if (mark === undefined || code === undefined) {
      continue;
    }
    const first = match.index + 2;
    const tokens = [...code.replace(/^[-+]/, ' ').matchAll(TOKENS)].map(({ 0: text, index }) => ({
      text,
      offset: first + index,
    }));
    words.push(...(mark === '{' ? ofExpression(tokens) : ofStatement(tokens, declared)));
  }
  return words.filter(({ kind, name }) => kind !== 'variable' || !declared.has(name));
}

function ofStatement([statement, ...rest]: readonly Token[], declared: Set<string>): TemplateWord[] {
  if (statement === undefined) {
    return [];
  }
  const found: TemplateWord[] = [{ kind: 'statement', name: statement.text, offset: statement.offset }];
  switch (statement.text) {
    case 'for': {
      const target = rest.findIndex(({ text }) => text === 'in');
      declare(rest.slice(0, target), declared);
      const after = rest.slice(target + 1).filter(({ text }) => text !== 'recursive');
      return [...found, ...ofExpression(after)];
    }
    case 'set':
    case 'with':
      return [...found, ...assignments(rest).flatMap((tokens) => ofAssignment(tokens, declared))];
    case 'filter':
      return [...found, ...ofExpression([{ text: '|', offset: statement.offset }, ...rest])];
    default:
      return [...found, ...ofExpression(rest)];
  }
}

/** The assignments of `set` or `with`: what is between commas that are not in brackets. */
function assignments(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    depth += /^[([{]$/.test(token.text) ? 1 : /^[)\]}]$/.test(token.text) ? -1 : 0;
    if (token.text === ',' && depth === 0) {
      parts.push([]);
    } else {
      parts.at(-1)?.push(token);
    }
  }
  return parts;
}

/** `NAME = VALUE`; of a `set` that goes to `endset`, only `NAME`, with filters. */
function ofAssignment(tokens: readonly Token[], declared: Set<string>): TemplateWord[] {
  const end = tokens.findIndex(({ text }) => text === '=' || text === '|');
  const targets = end < 0 ? tokens : tokens.slice(0, end);
  declare(targets, declared);
  return end < 0 ? [] : ofExpression(tokens.slice(end));
}

function declare(tokens: readonly Token[], declared: Set<string>): void {
  for (const { text } of tokens) {
    if (IDENTIFIER.test(text)) {
      declared.add(text);
    }
  }
}

function ofExpression(tokens: readonly Token[]): TemplateWord[] {
  const words: TemplateWord[] = [];
  for (const [n, { text, offset }] of tokens.entries()) {
    const [before, after] = [tokens[n - 1]?.text, tokens[n + 1]?.text];
    if (!IDENTIFIER.test(text)) {
      continue;
    }
    const add = (kind: TemplateWord['kind']): void => {
      words.push({ kind, name: text, offset });
    };
    if (before === '.') {
      if (after === '(') {
        add('method');
      }
    } else if (before === '|') {
      add('filter');
    } else if (before === 'is' || (before === 'not' && tokens[n - 2]?.text === 'is')) {
      if (text !== 'not') {
        add('test');
      }
    } else if (!KEYWORDS.has(text) && !(after === '=' && (before === '(' || before === ','))) {
      add('variable');
    }
  }
  return words;
}
