// Which files of the repository are in the site, and at which path. All paths are relative, with slashes.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';

/** The folders that are searched, and the files that are taken from the root. */
export const FOLDERS = ['docs', 'bench/results'];
export const FILES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md'];

const PAGE = /\.md$/;
const IMAGE = /\.(?:svg|webp|png|jpe?g|gif)$/;

function filesOf(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesOf(path) : [path];
  });
}

/** All files of the repository that the site shows or offers. */
export const listSources = () => [...FILES, ...FOLDERS.flatMap(filesOf)].sort();

export const isPage = (source) => PAGE.test(source);

/**
 * The path of a source in the staged folder. Images are beside the pages, because Vite names them by their content. Other
 * files, such as the alerts for Prometheus, are in `public` and keep their name.
 */
export function stagedPath(source) {
  const path = source.replace(/^docs\//, '');
  if (isPage(source)) {
    if (source === 'README.md') return 'index.md';
    if (!source.includes('/')) return source.toLowerCase();
    return path.replace(/(^|\/)README\.md$/, '$1index.md');
  }
  return IMAGE.test(source) ? path : `public/${path}`;
}

/** Every source by its staged path. */
export const sourcesByStagedPath = (sources) =>
  new Map(sources.map((source) => [stagedPath(source), source]));
