// Builds both module formats. Only the compiler keeps the metadata of decorators, so it compiles first. esbuild then
// joins the modules into one file for each entry point and one shared file, because Node takes longer to load 150 small
// files. The CommonJS files are the joined files, converted. In each format, all entry points share one set of classes.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const dist = join(root, 'dist');
const [compiled, esm, cjs, node] = ['compiled', 'esm', 'cjs', 'node'].map((name) => join(dist, name));
const ENTRIES = [
  'index',
  ...['store', 'testing', 'health', 'telemetry', 'dashboard'].map((name) => `${name}/index`),
];

const common = {
  outdir: esm,
  platform: 'node',
  target: 'es2022',
  charset: 'utf8',
  logLevel: 'warning',
  // Without white space, both formats together stay small enough for a package. Names are kept, because stacks and Nest
  // show them.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
};

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** In CommonJS an optional package is loaded by `require` inside `try`, which bundlers follow and jest supports. */
function requireOptional(text) {
  return text.replace(/\bimport\((["']@nestjs\/[\w-]+["'])\)/g, 'require($1)');
}

/**
 * Restores the names of decorated classes. The compiler writes such a class as `let X = class X`, and esbuild adds a
 * number to the inner name, which Nest shows.
 */
function ownNames(text) {
  const numbered = [...text.matchAll(/\b(?:var|let) (\w+) ?= ?class (\1\d+)\b/g)];
  return numbered.reduce(
    (result, [, name, other]) => result.replaceAll(new RegExp(`\\b${other}\\b`, 'g'), name),
    text,
  );
}

/** Copies the declarations that the entry points import, directly or indirectly. No user can import the others. */
function copyDeclarations() {
  const files = new Set(ENTRIES.map((entry) => join(compiled, `${entry}.d.ts`)));
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?['"](\.[^'"]+)\.js['"]/g)) {
      files.add(join(dirname(file), `${specifier}.d.ts`));
    }
    for (const folder of [esm, cjs]) {
      const copy = join(folder, relative(compiled, file));
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(file, copy);
    }
  }
}

/**
 * The files that Node itself loads. In Node, require() and import must give one instance of the package, and both give
 * the format of the application's Nest. If an ES module imported a CommonJS Nest, Node would analyse all of Nest, which
 * takes 60 ms. If an ES module is required, a loader such as tsx makes a second copy.
 */
const CHOOSE = `'use strict';
// Instrumentations (OpenTelemetry, Sentry) find ioredis when it is required, and change its exports.
require('ioredis');

/** Whether Nest is CommonJS, as it is up to Nest 11. */
exports.isCommonJs = (() => {
  try {
    return require('@nestjs/common/package.json').type !== 'module';
  } catch {
    return false;
  }
})();
`;

function writeNodeEntry(entry, { outputs }) {
  const [, { exports: names }] = Object.entries(outputs).find(([path]) =>
    path.endsWith(`dist/esm/${entry}.js`),
  );
  const up = '../'.repeat(entry.split('/').length);
  const choose = `${up.slice(3) || './'}choose.cjs`;
  write(
    join(node, `${entry}.cjs`),
    `'use strict';
const { isCommonJs } = require('${choose}');
module.exports = isCommonJs ? require('${up}cjs/${entry}.js') : require('${up}esm/${entry}.js');
`,
  );
  write(
    join(node, `${entry}.js`),
    `import * as modules from '${up}esm/${entry}.js';
import commonjs from './${entry.split('/').at(-1)}.commonjs.cjs';
const { ${names.join(', ')} } = commonjs ?? modules;
export { ${names.join(', ')} };
`,
  );
  write(
    join(node, `${entry}.commonjs.cjs`),
    `'use strict';
const { isCommonJs } = require('${choose}');
module.exports = isCommonJs ? require('${up}cjs/${entry}.js') : undefined;
`,
  );
}

async function run() {
  rmSync(dist, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The compiler found errors.');
  const joined = await build({
    ...common,
    entryPoints: ENTRIES.map((entry) => join(compiled, `${entry}.js`)),
    outbase: compiled,
    bundle: true,
    splitting: true,
    format: 'esm',
    packages: 'external',
    chunkNames: 'shared-[hash]',
    metafile: true,
    write: false,
  });
  for (const { path, text } of joined.outputFiles) write(path, ownNames(text));
  const converted = await build({
    ...common,
    entryPoints: filesIn(esm),
    outbase: esm,
    outdir: cjs,
    format: 'cjs',
    logOverride: { 'empty-import-meta': 'error' },
    write: false,
  });
  for (const { path, text } of converted.outputFiles) write(path, ownNames(requireOptional(text)));
  copyDeclarations();
  write(join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
  write(join(node, 'choose.cjs'), CHOOSE);
  for (const entry of ENTRIES) writeNodeEntry(entry, joined.metafile);
  rmSync(compiled, { recursive: true });
}

try {
  await run();
} catch (error) {
  // A part of a build must not be used as a whole one.
  rmSync(dist, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
