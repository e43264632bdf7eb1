// The order of the pages: each page once, and none forgotten.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GROUPS } from '../pages.mjs';
import { arrange, sidebar } from '../support/sidebar.mjs';
import { listSources } from '../support/sources.mjs';

const groups = (...pages) => [{ title: 'Guides', pages }];

describe('the order of the pages', () => {
  it('given the pages of the repository, then each is there once', () =>
    assert.doesNotThrow(() => arrange(GROUPS, listSources())));

  it('given a page that no group names, then it fails and names the page', () =>
    assert.throws(
      () => arrange(groups('docs/a.md'), ['docs/a.md', 'docs/b.md']),
      /docs\/b\.md is in no group/,
    ));

  it('given a page in two groups, then it fails and names the page', () =>
    assert.throws(
      () => arrange([...groups('docs/a.md'), ...groups('docs/a.md')], ['docs/a.md']),
      /docs\/a\.md is there twice/,
    ));

  it('given a pattern, then it stands for the pages that are not named by themselves', () => {
    const sources = ['docs/x-1.md', 'docs/x-2.md', 'docs/x-all.md', 'docs/x/3.md', 'docs/y.svg'];
    assert.deepEqual(arrange(groups('docs/x-all.md', 'docs/x-*.md', 'docs/x/*.md'), sources)[0].pages, [
      'docs/x-all.md',
      'docs/x-1.md',
      'docs/x-2.md',
      'docs/x/3.md',
    ]);
  });

  it('given a group of no page, then the sidebar does not have it', () => {
    const [first] = sidebar(
      [{ title: 'None', pages: ['docs/none.md'] }, ...groups('docs/a.md')],
      ['docs/a.md'],
      () => 'A',
    );
    assert.deepEqual(first, { text: 'Guides', collapsed: false, items: [{ text: 'A', link: '/a' }] });
  });
});
