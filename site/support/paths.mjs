// Where the parts of the site are.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SITE = join(ROOT, 'site');
/** The staged pages, and the generated reference in its `api` folder. Git ignores it. */
export const STAGE = join(SITE, '.src');
export const REFERENCE = join(STAGE, 'api');
export const OUTPUT = join(SITE, 'dist');

export const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** The address of the public repository without a slash at its end, if package.json names one. */
export function repositoryUrl({ repository } = packageJson) {
  const url = typeof repository === 'string' ? repository : repository?.url;
  if (url === undefined) return undefined;
  return url
    .replace(/^git\+/, '')
    .replace(/^github:|^(?=[\w-]+\/[\w.-]+$)/, 'https://github.com/')
    .replace(/^git@([^:]+):/, 'https://$1/')
    .replace(/(?:\.git)?\/?$/, '');
}
