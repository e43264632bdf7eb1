// Module hooks: they find `./thing.ts` for `./thing.js`, find the library by its name, and transpile the loaded files.
// The output is kept, because a new child process would spend nearly all of its start on it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const kept = new URL('node_modules/.cache/ts-hooks/', root);
mkdirSync(kept, { recursive: true });

/** The inputs of the output, besides the file itself. */
const toolchain = ['tsconfig.json', 'node_modules/typescript/package.json', 'test/support/ts-transpile.mjs']
  .map((file) => readFileSync(new URL(file, root), 'utf8'))
  .join('\0');

export function resolve(specifier, context, next) {
  const library = /^nestjs-locked(?:\/(.+))?$/.exec(specifier);
  if (library) return next(new URL(`lib/${library[1] ? `${library[1]}/` : ''}index.ts`, root).href, context);
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (existsSync(source)) return next(source.href, context);
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  return { format: 'module', source: await transpiled(fileURLToPath(url)), shortCircuit: true };
}

async function transpiled(fileName) {
  const source = readFileSync(fileName, 'utf8');
  const name = createHash('sha256').update([toolchain, fileName, source].join('\0')).digest('hex');
  const file = new URL(`${name}.mjs`, kept);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const { transpile } = await import('./ts-transpile.mjs');
    const output = transpile(source, fileName);
    // Other processes may write the same file. A reader must find the complete file.
    const part = new URL(`${name}.${process.pid}`, kept);
    writeFileSync(part, output);
    renameSync(part, file);
    return output;
  }
}
