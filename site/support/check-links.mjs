// Checks the links of the built pages. VitePress checks only links between pages, and no anchors.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EXTERNAL } from './links.mjs';

const decoded = (text) =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const attributes = (html, name) =>
  [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => decoded(value));

/** Examples of HTML in code are text, with `&lt;`, so that a tag in the page is a tag of the page. */
const tags = (html) =>
  html
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/g, '')
    .match(/<[a-z][^>]*>/gi)
    ?.join('\n') ?? '';

const pagesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.html'));

/**
 * @param {string} folder the built site
 * @returns {{ page: string, href: string }[]} every link to a page, file or anchor that is not in the site
 */
export function deadLinks(folder) {
  const read = new Map(pagesIn(folder).map((page) => [page, tags(readFileSync(join(folder, page), 'utf8'))]));
  const ids = new Map([...read].map(([page, html]) => [page, new Set(attributes(html, 'id'))]));
  const fileOf = (path) =>
    [path, `${path}.html`, posix.join(path, 'index.html')].find((candidate) => {
      const file = join(folder, candidate);
      return existsSync(file) && statSync(file).isFile();
    });

  const isDead = (page, href) => {
    if (EXTERNAL.test(href)) return false;
    const { pathname, hash } = new URL(href, `site:///${page}`);
    const file = fileOf(decodeURI(pathname).slice(1));
    if (file === undefined) return true;
    return hash.length > 1 && ids.has(file) && !ids.get(file).has(decodeURIComponent(hash.slice(1)));
  };

  return [...read].flatMap(([page, html]) =>
    [...new Set(attributes(html, 'href'))]
      .filter((href) => isDead(page, href))
      .map((href) => ({ page, href })),
  );
}
