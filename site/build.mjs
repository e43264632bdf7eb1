// Builds the site into dist/. Fails if a page is not in the sidebar, or if a link or an anchor leads nowhere.
import { build } from 'vitepress';
import { deadLinks } from './support/check-links.mjs';
import { OUTPUT, SITE } from './support/paths.mjs';
import { writeReference } from './support/reference.mjs';
import { stage } from './support/stage.mjs';

stage();
await writeReference();
await build(SITE);
const dead = deadLinks(OUTPUT);
if (dead.length > 0) {
  console.error(
    `These links lead nowhere:\n${dead.map(({ page, href }) => `  ${page}: ${href}`).join('\n')}`,
  );
  process.exitCode = 1;
} else {
  console.log('The site is in site/dist. Every link in it has a target.');
}
