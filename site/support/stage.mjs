// Copies the pages to a folder below site/, where Vite finds Vue in the packages of the site.
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REFERENCE, ROOT, SITE, STAGE } from './paths.mjs';
import { listSources, stagedPath } from './sources.mjs';

/** Mermaid is large, so that only pages with a diagram load it. It is not bundled, because it is bundled already. */
function stageMermaid() {
  const from = join(SITE, 'node_modules/mermaid/dist');
  const to = join(STAGE, 'public/mermaid');
  const chunks = 'chunks/mermaid.esm.min';
  cpSync(join(from, chunks), join(to, chunks), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  });
  copyFileSync(join(from, 'mermaid.esm.min.mjs'), join(to, 'mermaid.esm.min.mjs'));
  writeFileSync(
    join(to, 'load.mjs'),
    "import mermaid from './mermaid.esm.min.mjs';\nglobalThis.mermaid = mermaid;\n",
  );
}

export function stageFile(source) {
  const to = join(STAGE, stagedPath(source));
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(ROOT, source), to);
}

export const removeStaged = (source) => rmSync(join(STAGE, stagedPath(source)), { force: true });

/** Stages everything, except the reference. */
export function stage() {
  mkdirSync(STAGE, { recursive: true });
  for (const name of readdirSync(STAGE)) {
    if (join(STAGE, name) !== REFERENCE) rmSync(join(STAGE, name), { recursive: true, force: true });
  }
  for (const source of listSources()) stageFile(source);
  stageMermaid();
}
