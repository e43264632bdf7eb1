// The order of the pages in the sidebar, for a reader that begins at the top. Paths are those of the repository, and `*`
// stands for all pages with such a name. Each page is named once: the build fails if a page is not here. A name without
// a page is left out.

/** @type {{ title: string, pages: (string | { title: string, pages: string[] })[] }[]} */
export const GROUPS = [
  { title: 'Start', pages: ['README.md'] },
  {
    title: 'Guides',
    pages: [
      'docs/locked.md',
      'docs/keys.md',
      'docs/kinds.md',
      'docs/choosing.md',
      'docs/cron.md',
      'docs/transports.md',
      'docs/transactions.md',
      'docs/idempotency.md',
      'docs/recipes.md',
      'docs/reentry.md',
      'docs/two-applications.md',
      'docs/options.md',
      'docs/errors.md',
      'docs/openapi.md',
      'docs/testing.md',
      'docs/troubleshooting.md',
    ],
  },
  {
    title: 'Compare and move',
    pages: ['docs/comparison.md', 'docs/coming-from.md', 'docs/coming-from-*.md'],
  },
  {
    title: 'Production',
    pages: ['docs/operations.md', 'docs/dashboard.md', 'docs/cli.md', 'docs/telemetry.md', 'docs/redis.md'],
  },
  {
    title: 'Understand',
    pages: [
      'docs/promises.md',
      'docs/protocol.md',
      'docs/fencing.md',
      'docs/stores.md',
      'docs/benchmarks.md',
      { title: 'Results of the bench', pages: ['bench/README.md', 'bench/results/*.md'] },
      'docs/architecture.md',
      { title: 'Decisions', pages: ['docs/decisions/README.md', 'docs/decisions/*.md'] },
    ],
  },
  { title: 'Project', pages: ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'] },
];
