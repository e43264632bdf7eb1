// Embeds the page of the dashboard. The files of lib/dashboard/ui are sent from ui.generated.ts. A path cannot be found in
// both module formats, and bundlers lose files.
//
// `node scripts/ui.mjs --write` writes ui.generated.ts anew.
// `node scripts/ui.mjs --check` fails if ui.generated.ts is not current, or if the page is too large.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const DASHBOARD = fileURLToPath(new URL('../lib/dashboard/', import.meta.url));
const GENERATED = join(DASHBOARD, 'ui.generated.ts');
/** For the three files together, in bytes. */
const MOST_BYTES = 12 * 1024;

const read = (file) => readFileSync(join(DASHBOARD, 'ui', file), 'utf8');
const minified = (file, loader) =>
  transformSync(read(file), { loader, minify: true, charset: 'utf8', target: 'es2022' }).code;

const PARTS = {
  PAGE: () =>
    read('index.html')
      .replace(/<!--[\s\S]*?-->/g, '')
      .replace(/\s*\n\s*/g, '')
      .replace(/ \/>/g, '>')
      .trim(),
  SCRIPT: () => minified('app.js', 'js'),
  STYLE: () => minified('style.css', 'css'),
};

/** The text of ui.generated.ts. */
function generate() {
  let bytes = 0;
  const constants = Object.entries(PARTS).map(([name, part]) => {
    const text = part();
    bytes += Buffer.byteLength(text);
    const literal = text.replace(/[\\`]|\$\{/g, '\\$&').replace(/\n/g, '\\n');
    return `export const ${name} = \`${literal}\`;\n`;
  });
  if (bytes > MOST_BYTES) {
    throw new Error(`The page has ${bytes} bytes. At most ${MOST_BYTES} are allowed.`);
  }
  console.log(`The page has ${bytes} bytes.`);
  return `// Generated from the files of ui/ by \`node scripts/ui.mjs --write\`. Do not edit.\n${constants.join('')}`;
}

try {
  const [mode] = process.argv.slice(2);
  if (mode === '--write') writeFileSync(GENERATED, generate());
  else if (mode !== '--check') throw new Error('Give --write or --check.');
  else if (!existsSync(GENERATED) || readFileSync(GENERATED, 'utf8') !== generate()) {
    throw new Error('ui.generated.ts is not current. Run `node scripts/ui.mjs --write`.');
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
