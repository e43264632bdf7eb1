// The sidebar, made from the order in pages.mjs, from the headings of the pages, and from the generated reference.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFERENCE, ROOT } from './paths.mjs';
import { isPage, stagedPath } from './sources.mjs';

/** The name of a page is its heading. The heading of the first page is the name of the package. */
function headingOf(source) {
  if (source === 'README.md') return 'Overview';
  const heading = /^# (.+)$/m.exec(readFileSync(join(ROOT, source), 'utf8'));
  return heading?.[1].replaceAll('`', '') ?? source;
}

const matcher = (pattern) =>
  new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}$`);

/** Replaces each pattern by the pages with such a name, in order of their names, without those named by themselves. */
function expand(pages, sources, named) {
  return pages.flatMap((page) => {
    if (typeof page !== 'string') return [{ ...page, pages: expand(page.pages, sources, named) }];
    if (!page.includes('*')) return sources.includes(page) ? [page] : [];
    return sources.filter((source) => matcher(page).test(source) && !named.has(source));
  });
}

const flat = (pages) => pages.flatMap((page) => (typeof page === 'string' ? [page] : flat(page.pages)));

/**
 * The groups with all patterns replaced.
 *
 * @throws Error if a page is in no group, or in two. A reader would not find it, or would find it twice.
 */
export function arrange(groups, sources) {
  const named = new Set(flat(groups).filter((page) => !page.includes('*')));
  const arranged = expand(groups, sources, named).filter(({ pages }) => pages.length > 0);
  const listed = flat(arranged);
  const missing = sources.filter((source) => isPage(source) && !listed.includes(source));
  const twice = listed.filter((source, index) => listed.indexOf(source) !== index);
  const faults = [
    ...missing.map((page) => `${page} is in no group`),
    ...twice.map((page) => `${page} is there twice`),
  ];
  if (faults.length > 0)
    throw new Error(`The sidebar in site/pages.mjs is not complete: ${faults.join('; ')}.`);
  return arranged;
}

const link = (source) => `/${stagedPath(source).replace(/(?:index)?\.md$/, '')}`;

const itemsOf = (pages, titleOf) =>
  pages.map((page) =>
    typeof page === 'string'
      ? { text: titleOf(page), link: link(page) }
      : { text: page.title, collapsed: true, items: itemsOf(page.pages, titleOf) },
  );

/** @returns the sidebar in the form that VitePress expects. */
export function sidebar(groups, sources, titleOf = headingOf) {
  const items = arrange(groups, sources).map(({ title, pages }) => ({
    text: title,
    collapsed: false,
    items: itemsOf(pages, titleOf),
  }));
  const reference = join(REFERENCE, 'sidebar.json');
  const entries = existsSync(reference) ? JSON.parse(readFileSync(reference, 'utf8')) : [];
  const all = { text: 'All entry points', link: '/api/' };
  const project = items.findIndex(({ text }) => text === 'Project');
  items.splice(project < 0 ? items.length : project, 0, {
    text: 'Reference',
    collapsed: false,
    items: [all, ...entries],
  });
  return items;
}
