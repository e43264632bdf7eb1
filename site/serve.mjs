// Serves the site. A page is staged again after each change, and the browser then shows it. The reference is made once.
import { existsSync, watch } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'vitepress';
import { ROOT, SITE } from './support/paths.mjs';
import { writeReference } from './support/reference.mjs';
import { FILES, FOLDERS, listSources } from './support/sources.mjs';
import { removeStaged, stage, stageFile } from './support/stage.mjs';

/** VitePress calls this again when a page is added or removed, because the sidebar changes. */
async function serve() {
  const server = await createServer(SITE, {}, async () => {
    await server.close();
    await serve();
  });
  await server.listen();
  server.printUrls();
}

function restage(source) {
  if (!existsSync(join(ROOT, source))) removeStaged(source);
  else if (listSources().includes(source)) stageFile(source);
}

stage();
await writeReference();
await serve();
for (const folder of FOLDERS) {
  watch(join(ROOT, folder), { recursive: true }, (_event, name) => {
    if (name !== null) restage(`${folder}/${name.replaceAll('\\', '/')}`);
  });
}
// An editor may replace a file. A watched folder notices this, and a watched file does not.
for (const folder of new Set(FILES.map((file) => file.replace(/[^/]*$/, '')))) {
  watch(join(ROOT, folder), (_event, name) => {
    if (FILES.includes(`${folder}${name}`)) restage(`${folder}${name}`);
  });
}
