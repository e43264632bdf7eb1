/** Key templates such as `order:{params.id}`. A template is parsed once, at decoration, and filled in for each call. */
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import { keyPart, type Unusable } from './key-value.js';

/** The parts of a request that a template can name. */
export const REQUEST_ROOTS = ['params', 'query', 'body', 'headers', 'user', 'data', 'gql'] as const;
export type RequestRoot = (typeof REQUEST_ROOTS)[number];

/** `{0.sku}` is a path into an argument. `{params.id}` is a path into the request. */
export interface Placeholder {
  /** The placeholder as it was written, with its braces. */
  readonly source: string;
  readonly root: number | RequestRoot;
  readonly path: readonly string[];
}

export interface KeyTemplate {
  /** The template as it was written. */
  readonly source: string;
  readonly parts: ReadonlyArray<string | Placeholder>;
}

const SYNTAX =
  'Write {0.sku} for an argument, {params.id} for a part of the request, and {{ or }} for a brace.';

/** @throws LockKeyError for an invalid template. */
export function parseTemplate(source: string): KeyTemplate {
  if (typeof source !== 'string')
    throw new LockKeyError(
      String(source),
      `A lock key must be a string, not ${printable(String(source), 80)}.`,
    );
  if (source === '') throw new LockKeyError(source, 'A lock key must not be an empty string.');
  const parts: Array<string | Placeholder> = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    if (char !== '{' && char !== '}') {
      text += char;
      at += 1;
    } else if (source.charAt(at + 1) === char) {
      text += char;
      at += 2;
    } else if (char === '}') {
      throw bad(source, 'has a "}" without a "{"');
    } else {
      const end = source.indexOf('}', at);
      if (end === -1) throw bad(source, 'has a "{" without a "}"');
      if (text.endsWith('$')) throw plainQuotes(source);
      if (text !== '') parts.push(text);
      text = '';
      parts.push(parsePlaceholder(source, source.slice(at, end + 1)));
      at = end + 1;
    }
  }
  if (text !== '') parts.push(text);
  return { source, parts };
}

/**
 * The key, with the value that `valueOf` finds for each placeholder.
 * @param refuse makes the error for a value that cannot be part of a key.
 */
export function fillTemplate(
  template: KeyTemplate,
  valueOf: (placeholder: Placeholder) => unknown,
  refuse?: (placeholder: Placeholder, value: unknown, why: Unusable) => LockKeyError,
): string {
  let key = '';
  for (const part of template.parts) {
    if (typeof part === 'string') {
      key += part;
      continue;
    }
    const value = valueOf(part);
    const origin = { template: template.source, path: part.source };
    key += keyPart(value, origin, refuse && ((why) => refuse(part, value, why)));
  }
  return key;
}

/** Follows a path. Undefined if the path leads to nothing: no key can be made of that. */
export function follow(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (at === null || at === undefined) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

function parsePlaceholder(template: string, source: string): Placeholder {
  const inner = source.slice(1, -1);
  if (inner === '') throw bad(template, 'has empty braces');
  if (/[{\s]/.test(inner)) throw bad(template, `has a space or a brace in ${quoted(source)}`);
  const [root = '', ...path] = inner.split('.');
  if (path.includes('')) throw bad(template, `has an empty name in ${quoted(source)}`);
  if (/^\d+$/.test(root)) return { source, root: Number(root), path };
  const known = REQUEST_ROOTS.find((name) => name === root);
  if (known === undefined) {
    const meant = REQUEST_ROOTS.find((name) => name === `${root}s` || `${name}s` === root);
    if (meant !== undefined) {
      const right = placeholderFor(meant, path);
      throw bad(template, `has ${quoted(source)}, which is no part of a request. Did you mean ${right}?`);
    }
    // The names of parameters are of no use: a minified method has other names than its source.
    throw bad(
      template,
      `names ${quoted(root)} in ${quoted(source)}, which is neither an argument's index nor one of ${REQUEST_ROOTS.join(', ')}. ` +
        `The names of parameters are not known at run time: write ${placeholderFor('0', path)} for the first one, or ` +
        `${placeholderFor('params', [root, ...path])} for a part of the request`,
    );
  }
  return { source, root: known, path };
}

function placeholderFor(root: string, path: readonly string[]): string {
  return printable(`{${[root, ...path].filter((name) => name !== '').join('.')}}`, 120);
}

function bad(template: string, problem: string): LockKeyError {
  const end = problem.endsWith('?') ? '' : '.';
  return new LockKeyError(template, `The lock key ${quoted(template)} ${problem}${end} ${SYNTAX}`);
}

/** `'order:${id}'`: JavaScript fills in `${id}` only between backquotes. */
function plainQuotes(template: string): LockKeyError {
  return new LockKeyError(
    template,
    `The lock key ${quoted(template)} has \${…} in plain quotes, where it is not filled in. ` +
      'Use a function with the tag, such as (id: number) => lockKey`order:${id}`, or a placeholder, such as {params.id} or {0}.',
  );
}
