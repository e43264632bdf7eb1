/** Keys without a placeholder that check as if one was meant: `'order:id'` is one lock for all orders. */

/** How other libraries, and routes, write a placeholder: `:id`, `$id`, `<id>`, `%s`. */
const FOREIGN = /(?:^|[:/])(?::([A-Za-z_]\w*)|\$([A-Za-z_]\w*)|<([A-Za-z_]\w*)>|(%[sd]))(?=$|[:/])/;

/** `id`, `orderId`, `order_id`; not `paid`. */
const ID_LIKE = /^(?:id|uuid)$|[a-z](?:Id|ID|Uuid|UUID)$|[_-](?:id|uuid)$/;

export interface LikelyPlaceholder {
  /** The part of the key that checks like one. */
  readonly name: string;
  /** The parameter of the method that it names; 0 where none is known to be. */
  readonly index: number;
}

/**
 * A key without a colon is never taken for one.
 * @param names of the method's parameters, as far as they are known.
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

/** A part such as `id` names `id`, and `orderId` as well. */
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

/** As the source has them: bundlers may have shortened them. A destructured one has none. */
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
