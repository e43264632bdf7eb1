// Where links lead, which anchors headings get, and which HTML is shown.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createMarkdownRenderer } from 'vitepress';
import { deadLinks } from '../support/check-links.mjs';
import { resolveLink } from '../support/links.mjs';
import { readAsGitHubDoes, safeHtml, slugify } from '../support/markdown.mjs';
import { repositoryUrl } from '../support/paths.mjs';
import { sourcesByStagedPath, stagedPath } from '../support/sources.mjs';

const SOURCES = [
  'README.md',
  'CHANGELOG.md',
  'docs/keys.md',
  'docs/decisions/README.md',
  'docs/decisions/0001-queue.md',
  'docs/grafana/board.json',
  'docs/office.webp',
];
const sources = new Set(SOURCES);

describe('the path of a staged file', () => {
  for (const [source, path] of [
    ['README.md', 'index.md'],
    ['CHANGELOG.md', 'changelog.md'],
    ['docs/keys.md', 'keys.md'],
    ['docs/decisions/README.md', 'decisions/index.md'],
    ['bench/README.md', 'bench/index.md'],
    ['docs/office.webp', 'office.webp'],
    ['docs/grafana/board.json', 'public/grafana/board.json'],
  ]) {
    it(`given ${source}, then it is ${path}`, () => assert.equal(stagedPath(source), path));
  }
});

describe('a link', () => {
  for (const [title, from, href, expected] of [
    ['from the start page', 'README.md', 'docs/keys.md#braces', '/keys.md#braces'],
    ['to the start page', 'docs/keys.md', '../README.md', '/index.md'],
    ['to a page beside it', 'docs/decisions/README.md', '0001-queue.md', '/decisions/0001-queue.md'],
    ['to a folder with a README', 'docs/keys.md', 'decisions/', '/decisions/index.md'],
    ['to an image', 'README.md', 'docs/office.webp', '/office.webp'],
    ['to another file', 'docs/keys.md', 'grafana/board.json', '/grafana/board.json'],
    ['within the page', 'docs/keys.md', '#braces', '#braces'],
    ['to another site', 'docs/keys.md', 'https://redis.io/docs', 'https://redis.io/docs'],
    ['to a file that is not in the site', 'docs/keys.md', '../lib/index.ts', undefined],
    ['to a page that is not in the site', 'docs/keys.md', '../test/README.md#map', undefined],
    ['to a page that does not exist', 'docs/keys.md', 'none.md#a', '/docs/none.md#a'],
  ]) {
    it(`given one ${title}, then it leads to ${expected ?? 'nothing'}`, () =>
      assert.equal(resolveLink(from, href, sources), expected));
  }

  it('given a public repository, then a file that is not in the site is there', () => {
    const url = 'https://git.example/a/b';
    assert.equal(
      resolveLink('docs/keys.md', '../lib/index.ts', sources, url),
      `${url}/blob/HEAD/lib/index.ts`,
    );
  });
});

describe('the address of the repository', () => {
  for (const [repository, expected] of [
    [undefined, undefined],
    ['github:a/b', 'https://github.com/a/b'],
    ['a/b', 'https://github.com/a/b'],
    [{ url: 'git+https://git.example/a/b.git' }, 'https://git.example/a/b'],
    [{ url: 'git@git.example:a/b.git' }, 'https://git.example/a/b'],
  ]) {
    it(`given ${JSON.stringify(repository)}, then it is ${expected}`, () =>
      assert.equal(repositoryUrl({ repository }), expected));
  }
});

describe('an anchor', () => {
  for (const [heading, anchor] of [
    ['5. Take a lock away', '5-take-a-lock-away'],
    ['What it promises, and what it cannot', 'what-it-promises-and-what-it-cannot'],
    ['@Locked', 'locked'],
    ['`ttl` – how long?', 'ttl--how-long'],
  ]) {
    it(`given "${heading}", then it is that of GitHub`, () => assert.equal(slugify(heading), anchor));
  }
});

describe('HTML of a page', () => {
  for (const [title, html, expected] of [
    ['a comment', 'a<!-- fixture: x -->b', 'ab'],
    ['a known tag', '<kbd>Ctrl</kbd>', '<kbd>Ctrl</kbd>'],
    ['a type', 'Promise<Order> or Promise<B>', 'Promise&lt;Order&gt; or Promise&lt;B&gt;'],
    ['two braces', '<b>{{ a }}</b>', '<b>&#123;&#123; a &#125;&#125;</b>'],
  ]) {
    it(`given ${title}, then it is safe`, () => assert.equal(safeHtml(html), expected));
  }
});

describe('a rendered page', () => {
  let md;
  before(async () => {
    md = await createMarkdownRenderer('.', {
      anchor: { slugify },
      attrs: { disable: true },
      config: (renderer) => readAsGitHubDoes(renderer, sourcesByStagedPath(SOURCES)),
    });
  });
  const render = (text) => md.render(text, { relativePath: 'keys.md', path: '/x/keys.md' });

  it('given a link to a file that is not in the site, then its text stays', async () => {
    const html = await render('See [the **code** of it](../lib/index.ts), and [start](../README.md).');
    assert.match(html, /See the <strong>code<\/strong> of it, and <a href="[^"]*"[^>]*>start<\/a>\./);
  });

  it('given text that Vue would read, then it is shown as it is', async () => {
    const html = await render('Write {{a}} or `{{b}}`, `x`{.y}, Promise<Order>, :smile: and README.md.');
    assert.doesNotMatch(html, /\{\{(?!.*<\/code>)/);
    assert.match(html, /\{\.y\}, Promise&lt;Order&gt;, :smile: and README\.md\./);
  });

  it('given a diagram, then its source goes to the component', async () => {
    const html = await render('```mermaid\nA-->B\n```\n');
    assert.match(html, /<MermaidDiagram code="A--%3EB%0A" \/>/);
  });
});

describe('the check of a built site', () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'site-'));
    mkdirSync(join(folder, 'guide'));
    writeFileSync(join(folder, 'index.html'), '<h1 id="top">A</h1><a href="/guide/a.html#b">a</a>');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('given links without a target, then it names each', () => {
    const links = ['../index.html#top', '/', '#b', 'https://x.example/#y', '/none.html', '#none', '/#none'];
    const html = links.map((href) => `<a href="${href}">x</a>`).join('');
    writeFileSync(
      join(folder, 'guide/a.html'),
      `<h2 id="b">B</h2>${html}<code>&lt;a href="/text"&gt;</code>`,
    );
    assert.deepEqual(
      deadLinks(folder).map(({ page, href }) => `${page} ${href}`),
      ['guide/a.html /none.html', 'guide/a.html #none', 'guide/a.html /#none'],
    );
  });
});
