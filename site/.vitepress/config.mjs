// The site. Its pages are staged by ../support/stage.mjs, and its order is in ../pages.mjs.
import { defineConfig } from 'vitepress';
import { GROUPS } from '../pages.mjs';
import { readAsGitHubDoes, slugify } from '../support/markdown.mjs';
import { packageJson, repositoryUrl } from '../support/paths.mjs';
import { sidebar } from '../support/sidebar.mjs';
import { listSources, sourcesByStagedPath } from '../support/sources.mjs';

const { name, version, description } = packageJson;
const sources = sourcesByStagedPath(listSources());
const repository = repositoryUrl();

export default defineConfig({
  title: name,
  description,
  srcDir: '.src',
  outDir: 'dist',
  cacheDir: '.cache',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  // The index of the search is one large file, which a browser loads at the first search.
  vite: { build: { chunkSizeWarningLimit: 2_000 } },
  markdown: {
    anchor: { slugify },
    // A page writes braces as text, such as `{params.id}`.
    attrs: { disable: true },
    config: (md) => readAsGitHubDoes(md, sources, repository),
  },
  // An edit link leads to the source of a page, if there is a public repository. The reference has no such source.
  transformPageData({ relativePath, frontmatter }) {
    const source = sources.get(relativePath);
    frontmatter.pageClass = source === undefined ? 'reference' : 'guide';
    frontmatter.editLink = repository !== undefined && source !== undefined;
    frontmatter.editUrl = frontmatter.editLink ? `${repository}/edit/HEAD/${source}` : undefined;
  },
  themeConfig: {
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          // A page that explains comes before the reference, which has the same words many times.
          searchOptions: { boostDocument: (id) => (id.startsWith('/api/') ? 0.5 : 1) },
        },
      },
    },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/keys', activeMatch: '^/(?!api/)' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: `v${version}`, link: '/changelog' },
    ],
    sidebar: sidebar(GROUPS, [...sources.values()]),
    socialLinks: repository === undefined ? [] : [{ icon: 'github', link: repository }],
    editLink: { pattern: ({ frontmatter }) => frontmatter.editUrl },
  },
});
