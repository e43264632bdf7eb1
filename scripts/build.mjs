// Builds both module formats. The compiler alone keeps decorator metadata, so it compiles first; its modules are joined
// afterwards, one file an entry point and one for what they share, as Node takes longer for 150 small ones. The CommonJS
// files are the same ones in the other format: in either there is one class for all entry points.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const dist = join(root, 'dist');
const [compiled, esm, cjs, node] = ['compiled', 'esm', 'cjs', 'node'].map((name) => join(dist, name));
const ENTRIES = ['index', 'store/index', 'testing/index'];

const common = {
  outdir: esm,
  platform: 'node',
  target: 'es2022',
  charset: 'utf8',
  logLevel: 'warning',
  // Both formats with their white space would be too much of a package. Names stay: stacks and Nest show them.
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

/** In CommonJS an optional package is required, inside `try`: so bundlers follow it, and jest has it. */
function requireOptional(text) {
  return text.replace(/\bimport\((["']@nestjs\/[\w-]+["'])\)/g, 'require($1)');
}

/** esbuild numbers the inner name of `let X = class X`, which a decorated class is compiled to: Nest shows it. */
function ownNames(text) {
  const numbered = [...text.matchAll(/\b(?:var|let) (\w+) ?= ?class (\1\d+)\b/g)];
  return numbered.reduce(
    (result, [, name, other]) => result.replaceAll(new RegExp(`\\b${other}\\b`, 'g'), name),
    text,
  );
}

/** The declarations that the entry points lead to: the others are nobody's to read. */
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
 * What Node itself loads, where require() and import have to give one instance of the package. Both give the format of the
 * application's Nest. Node would lex all of a CommonJS Nest for an import out of an ES module (60 ms), and a loader such as
 * tsx would make a second copy of an ES module that is required.
 */
const CHOOSE = `'use strict';
// Instrumentations (OpenTelemetry, Sentry) see ioredis where it is required, and change it in place.
require('ioredis');

/** Is Nest one of CommonJS, as up to Nest 11? */
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
  // Half a build must not pass for one.
  rmSync(dist, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
