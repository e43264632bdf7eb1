/** Finds static keys that were probably meant to have a placeholder: `'order:id'` is one lock for all orders. */

/** The placeholders of other libraries and of routes: `:id`, `$id`, `<id>`, `%s`. */
const FOREIGN = /(?:^|[:/])(?::([A-Za-z_]\w*)|\$([A-Za-z_]\w*)|<([A-Za-z_]\w*)>|(%[sd]))(?=$|[:/])/;

/** Matches `id`, `orderId` and `order_id`, but not `paid`. */
const ID_LIKE = /^(?:id|uuid)$|[a-z](?:Id|ID|Uuid|UUID)$|[_-](?:id|uuid)$/;

export interface LikelyPlaceholder {
  /** The name in the part of the key that was probably meant as a placeholder. */
  readonly name: string;
  /** The index of the parameter with that name. 0 if no such parameter is known. */
  readonly index: number;
}

/**
 * Undefined for a key without a colon, and if no part of the key resembles a placeholder.
 * @param names the names of the parameters of the method, as far as they are known.
 */
export function likelyPlaceholder(key: string, names: readonly string[]): LikelyPlaceholder | undefined {
  if (!key.includes(':')) return undefined;
  const foreign = FOREIGN.exec(key);
  if (foreign !== null) {
    const name = foreign.slice(1).find((each) => each !== undefined) ?? '';
    return { name, index: Math.max(0, indexOf(name, names)) };
  }
  for (const name of key.split(':').slice(1)) {
    const inner = /^\{([A-Za-z_]\w*)\}$/.exec(name)?.[1] ?? name;
    const index = indexOf(inner, names);
    if (index >= 0 || ID_LIKE.test(name)) return { name: inner, index: Math.max(0, index) };
  }
  return undefined;
}

/**
 * The index of the parameter that a part names, or -1. The part `id` names a parameter `id`, or one such as `orderId`.
 */
function indexOf(part: string, names: readonly string[]): number {
  if (!/^[A-Za-z_]\w*$/.test(part)) return -1;
  const wanted = part.toLowerCase();
  const exact = names.findIndex((name) => name.replace(/^_/, '').toLowerCase() === wanted);
  if (exact >= 0) return exact;
  return names.findIndex((name) => {
    const tail = name.slice(-part.length);
    return name.length > part.length && tail.toLowerCase() === wanted && /^[A-Z]/.test(tail);
  });
}

/**
 * The names of the parameters, read from the source text. A bundler may have shortened them. The name of a destructured
 * parameter is an empty string.
 */
export function parameterNames(method: (...args: never[]) => unknown): string[] {
  const source = Function.prototype.toString.call(method).replace(/\/\*.*?\*\//gs, '');
  const names: string[] = [];
  let depth = 0;
  let current = '';
  for (const char of source.slice(source.indexOf('('))) {
    if (')]}'.includes(char)) depth -= 1;
    if ((char === ',' && depth === 1) || depth === 0) {
      if (current.trim() !== '') names.push(/^\s*(?:\.\.\.)?\s*([\w$]+)/.exec(current)?.[1] ?? '');
      current = '';
      if (depth === 0 && char === ')') break;
    } else if (depth > 0) current += char;
    if ('([{'.includes(char)) depth += 1;
  }
  return names;
}
