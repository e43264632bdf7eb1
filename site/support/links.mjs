// Where a link of a page leads in the site. Pages link to each other by their paths in the repository.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from './paths.mjs';
import { stagedPath } from './sources.mjs';

/** Begins with a scheme, such as `https:`, or with the name of a host. */
export const EXTERNAL = /^(?:[a-z][a-z\d+.-]*:|\/\/)/i;

/**
 * @param {string} source the page with the link, by its path in the repository
 * @param {string} href
 * @param {ReadonlySet<string>} sources what is staged
 * @param {string} [repository] the address of the public repository, if there is one
 * @returns {string | undefined} the new address. It is undefined if there is no public repository, and if the target is
 *   a file of the repository that is not in the site. The link is shown as text then. A link to a file that does not
 *   exist stays a link, so that the check of the built site finds it.
 */
export function resolveLink(source, href, sources, repository) {
  if (href === '' || href.startsWith('#') || EXTERNAL.test(href)) return href;
  const [, path, rest] = /^([^?#]*)(.*)$/s.exec(href);
  const target = posix.normalize(posix.join(posix.dirname(source), decodeURI(path))).replace(/\/$/, '');
  const found = [target, `${target}/README.md`].find((candidate) => sources.has(candidate));
  if (found !== undefined) return `/${stagedPath(found).replace(/^public\//, '')}${rest}`;
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return `/${target}${rest}`;
  return repository === undefined ? undefined : `${repository}/blob/HEAD/${target}${rest}`;
}
