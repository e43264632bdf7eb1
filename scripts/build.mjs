// Builds both module formats. Only the compiler keeps the metadata of decorators, so it compiles first. esbuild then
// joins the modules into one file for each entry point and one shared file, because Node takes longer to load 150 small
// files. The CommonJS files are the joined files, converted. In each format, all entry points share one set of classes.
// The parts that do not lead to Nest are one file, the core, which exists once, as CommonJS, for both formats. The store on
// Redis is another such file. The core loads it when the first store is opened.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dist = join(root, 'dist');
const [compiled, esm, cjs, node] = ['compiled', 'esm', 'cjs', 'node'].map((name) => join(dist, name));
/** The command line exists in one format, because it is run and not imported. */
const CLI = 'cli/main';
/** The file of all that does not lead to Nest. */
const CORE = join(esm, 'core.js');
/** The file of the main entry point and of all that it shares with the others. Each file takes time to load. */
const MAIN = join(esm, 'main.js');
const ENTRIES = [
  'index',
  ...['store', 'testing', 'health', 'telemetry', 'dashboard', 'swagger'].map((name) => `${name}/index`),
];

/**
 * Two more files that exist once, as the core does. `import` is what the other files import in place of such a file until
 * the build writes where it is. The core loads the store on Redis when a store is opened.
 */
const REDIS = { file: join(esm, 'redis.js'), source: 'stores/redis/index', import: 'part-redis' };
const CONTRACT = {
  file: join(esm, 'contract.js'),
  source: 'testing/store-contract',
  import: 'part-contract',
};
const PARTS = [REDIS, CONTRACT];

const common = {
  outdir: esm,
  platform: 'node',
  target: 'es2022',
  // V8 keeps two bytes for each character of a file that has one beyond Latin-1.
  charset: 'ascii',
  logLevel: 'warning',
  // Without white space, both formats together stay small enough for a package. The names of classes, methods and the
  // functions of modules are kept, because stacks and Nest show them: see `shortLocals`.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
};

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** In CommonJS an optional package is loaded by `require` inside `try`, which bundlers follow and jest supports. */
function requireOptional(text) {
  return text.replace(/\bimport\((["']@nestjs\/[\w-]+["'])\)/g, 'require($1)');
}

/**
 * Gives each class the name of its variable. Decorated classes and classes that use themselves have an inner name, to
 * which esbuild adds a number or an underscore, and which Nest and stacks show.
 */
function ownNames(compiled) {
  // The compiler writes a decorated class that uses itself as `X = X_1 = class X`.
  const text = [...compiled.matchAll(/\b(\w+)\s*=\s*(\1_\d+)\s*=\s*class\b/g)].reduce(
    (result, [, name, alias]) =>
      result
        .replaceAll(new RegExp(`\\b${alias}\\b`, 'g'), name)
        .replaceAll(new RegExp(`\\b${name}\\s*=\\s*${name}\\s*=\\s*class\\b`, 'g'), `${name}=class`),
    compiled,
  );
  const inner = [...text.matchAll(/\b(\w+)\s*=\s*class (_?\1\d*)\b/g)];
  return inner.reduce(
    (result, [, name, other]) =>
      result
        .replaceAll(new RegExp(`\\b${other}\\b`, 'g'), name)
        .replace(new RegExp(`(\\b${name}\\s*=\\s*class) ${name}\\b`), '$1'),
    text,
  );
}

/**
 * Shortens the names of parameters and of variables inside functions. esbuild keeps the names at the top of a text only
 * if the text is a script, so it gets the module without its imports and its exports.
 */
async function shortLocals(text) {
  const statements = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022).statements;
  const part = (chosen) =>
    statements.filter(chosen).map((statement) => text.slice(statement.pos, statement.end));
  const imports = part(ts.isImportDeclaration);
  const exports = part(ts.isExportDeclaration);
  const body = part((statement) => !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement));
  const { target, charset, lineLimit, minifyWhitespace, minifySyntax } = common;
  const options = { target, charset, lineLimit, minifyWhitespace, minifySyntax, minifyIdentifiers: true };
  const { code } = await transform(body.join(''), options);
  const nameless = /=\s*class (?!extends\b)\w+|=\s*\w+\s*=\s*class\b/.exec(code);
  if (nameless !== null) throw new Error(`A class would be shown by a short name: ${nameless[0]}.`);
  return [...imports, code, ...exports].join('');
}

/** The paths of the files of this package that a module imports. */
const IMPORTED = /(?:from|import)\s*"(\.{1,2}\/[^"]+)"/g;

/** The shared files that do not lead to Nest, directly or indirectly. @param texts the text of each joined file */
function nestFree(texts) {
  const free = (file) =>
    !/(?:from|import)\s*\(?["'](?:@nestjs\/|rxjs)/.test(texts.get(file)) &&
    [...texts.get(file).matchAll(IMPORTED)].every(([, path]) => free(join(dirname(file), path)));
  return [...texts.keys()].filter((file) => isShared(file) && free(file));
}

function isShared(file) {
  return /^shared\d+\.js$/.test(relative(esm, file));
}

/**
 * Joins files into one, which exports what each of them exports.
 * @param separate a file that stays a file of its own.
 */
async function joinFiles(files, texts, separate) {
  const names = files.flatMap((file) => exportsOf(parsed(texts.get(file))));
  const inMemory = {
    name: 'in-memory',
    setup(setup) {
      const namespace = 'joined';
      setup.onResolve({ filter: /^\./ }, ({ path, importer }) => {
        const file = join(importer === '<stdin>' ? esm : dirname(importer), path);
        return file === separate ? { path, external: true } : { path: file, namespace };
      });
      setup.onLoad({ filter: /./, namespace }, ({ path }) => ({
        contents: texts.get(path),
        resolveDir: root,
      }));
    },
  };
  const { outputFiles } = await build({
    ...common,
    stdin: { contents: files.map((file) => `export * from './${relative(esm, file)}';`).join('\n') },
    bundle: true,
    format: 'esm',
    packages: 'external',
    plugins: [inMemory],
    write: false,
  });
  const text = await shortLocals(ownNames(outputFiles[0].text));
  const exported = exportsOf(parsed(text));
  // `export *` leaves out a name that two files export.
  const missing = names.find((name) => !exported.includes(name));
  if (missing !== undefined)
    throw new Error(`Two of ${files.join(', ')} export a "${missing}": rename one of the two.`);
  return text;
}

/** The file of all that does not lead to Nest. */
async function coreOf(files, texts) {
  const text = await joinFiles(files, texts);
  const changed = reassigned(text);
  // A constant of an ES module would keep the first value of a CommonJS export.
  if (changed !== undefined) throw new Error(`A shared file changes its export "${changed}".`);
  return text;
}

/**
 * A file that exists once, as CommonJS. It has plain exports, because a getter for each of 200 exports takes time at each
 * start.
 * @param change changes the code that esbuild makes
 */
async function commonJsOf(text, change = (code) => code) {
  const { statements } = parsed(text);
  const body = statements.filter((statement) => !ts.isExportDeclaration(statement));
  const exported = statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause }) => exportClause.elements)
    .map(({ propertyName, name }) => (propertyName ? `${name.text}:${propertyName.text}` : name.text));
  const { target, charset, lineLimit, minifyWhitespace, minifySyntax } = common;
  const options = {
    platform: 'node',
    format: 'cjs',
    target,
    charset,
    lineLimit,
    minifyWhitespace,
    minifySyntax,
  };
  const { code } = await transform(body.map(({ pos, end }) => text.slice(pos, end)).join(''), options);
  return `"use strict";${shortImports(change(ownNames(code)))}module.exports={${exported.join(',')}};\n`;
}

/** Lets the core load the store on Redis when it uses it, and not when it is loaded itself. */
function redisLater(code) {
  const name = `import_${REDIS.import.replaceAll('-', '_')}`;
  const later = code
    .replaceAll(`${name}.`, `${name}().`)
    .replace(`${name}=require("${REDIS.import}")`, `${name}=()=>require("./redis.js")`);
  if (!later.includes(`${name}=()=>`) || !later.includes(`${name}().`))
    throw new Error('The core does not load the store on Redis.');
  return later;
}

/** Takes a file that exists once out of the others. @returns its text, which imports the core */
function takePart({ file, import: name }, texts, inCore) {
  const text = importFrom(CORE, file, texts.get(file), inCore);
  const other = /from"(?!\.\/core\.js"|ioredis"|node:)([^"]+)"/.exec(text);
  if (other !== null) throw new Error(`The part ${relative(esm, file)} imports ${other[1]}.`);
  texts.delete(file);
  const users = [...texts].filter(([, each]) => each.includes(`from"${name}"`));
  if (users.length !== 1)
    throw new Error(`${users.length} files import ${relative(esm, file)}, and not one.`);
  return text;
}

/** Replaces the imports of files that were joined by one import of the joined file. */
function importFrom(target, file, text, joinedFiles) {
  const { statements } = parsed(text);
  const isJoined = (statement) =>
    ts.isImportDeclaration(statement) &&
    joinedFiles.includes(join(dirname(file), statement.moduleSpecifier.text));
  const names = statements
    .filter(isJoined)
    .flatMap(({ importClause }) => importClause?.namedBindings.elements ?? [])
    .map((name) => text.slice(name.getStart(), name.end));
  const others = statements
    .filter((statement) => !isJoined(statement))
    .map(({ pos, end }) => text.slice(pos, end));
  const joined = names.length === 0 ? [] : [`import{${names.join(',')}}from"${pathTo(file, target)}";`];
  return [...joined, ...others].join('');
}

/**
 * Lets an ES module take the exports of a file that exists once from the object that CommonJS has. For an import by name,
 * Node would search the whole file for the names of its exports. For the core, that took 20 ms.
 */
function takeFromCommonJs(file, text) {
  const taken = new Map();
  const rest = text.replaceAll(/import\{([^}]*)\}from"[^"]*\/(core|contract)\.js";/g, (_, names, part) => {
    taken.set(part, [...(taken.get(part) ?? []), names.replaceAll(/\s+as\s+/g, ':')]);
    return '';
  });
  const lines = [...taken].map(
    ([part, names]) =>
      `import{${part} as $${part}}from"${pathTo(file, join(cjs, `${part}-object.js`))}";const{${names.join(',')}}=$${part};`,
  );
  return lines.join('') + rest;
}

function pathTo(file, target) {
  const path = relative(dirname(file), target).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}

function parsed(text) {
  return ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true);
}

/** The names under which a joined file exports. */
function exportsOf(source) {
  return source.statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text));
}

/** The first export of a module that the module assigns again after its declaration. */
function reassigned(text) {
  const source = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022);
  const exported = new Set(
    source.statements
      .filter(ts.isExportDeclaration)
      .flatMap(({ exportClause }) =>
        exportClause.elements.map(({ propertyName, name }) => (propertyName ?? name).text),
      ),
  );
  let found;
  const visit = (statement) => {
    const target = ts.isBinaryExpression(statement)
      ? ts.isAssignmentOperator(statement.operatorToken.kind) && statement.left
      : (ts.isPrefixUnaryExpression(statement) || ts.isPostfixUnaryExpression(statement)) &&
        statement.operator !== ts.SyntaxKind.ExclamationToken &&
        statement.operand;
    if (target && ts.isIdentifier(target) && exported.has(target.text)) found ??= target.text;
    ts.forEachChild(statement, visit);
  };
  visit(source);
  return found;
}

/** Shortens the names that esbuild gives to imported modules in CommonJS, such as `import_node_util`. */
function shortImports(text) {
  const names = [...new Set(text.match(/\bimport_\w+/g))];
  return text.replace(/\bimport_\w+/g, (name) => `_${names.indexOf(name).toString(36)}`);
}

/** The relative imports of a declaration: `from './lock.js'`, `import('./lock.js')`. */
const RELATIVE = /((?:from|import)\s*\(?['"])(\.[^'"]+)(\.js['"])/g;

/** An import of a package by a declaration. */
const PACKAGE = /(?:from|import)\s*\(?['"](?!node:)[^.'"]/;

/** The declarations that the entry points import, directly or indirectly, each with those that it imports itself. */
function declarations() {
  const found = new Map(ENTRIES.map((entry) => [entry, []]));
  for (const [name, imported] of found) {
    const text = readFileSync(join(compiled, `${name}.d.ts`), 'utf8');
    for (const [, , specifier] of text.matchAll(RELATIVE)) {
      const target = join(dirname(name), specifier);
      imported.push(target);
      if (!found.has(target)) found.set(target, []);
    }
  }
  return found;
}

/**
 * Copies the declarations that users can import. The types of a package may differ by the format of the file that imports
 * them, so the entry points and the declarations that lead to a package exist in both formats. The others exist once, for both formats.
 */
function copyDeclarations() {
  const all = declarations();
  const source = (name) => readFileSync(join(compiled, `${name}.d.ts`), 'utf8');
  const twice = new Set(
    [...all.keys()].filter((name) => ENTRIES.includes(name) || PACKAGE.test(source(name))),
  );
  for (let size = 0; size !== twice.size;) {
    size = twice.size;
    for (const [name, imported] of all) if (imported.some((each) => twice.has(each))) twice.add(name);
  }
  for (const name of all.keys()) {
    write(join(cjs, `${name}.d.ts`), source(name));
    if (!twice.has(name)) continue;
    const folder = dirname(join(esm, name));
    const elsewhere = (specifier) =>
      relative(folder, join(cjs, dirname(name), specifier)).replaceAll('\\', '/');
    const text = source(name).replace(RELATIVE, (_, before, specifier, after) =>
      [before, twice.has(join(dirname(name), specifier)) ? specifier : elsewhere(specifier), after].join(''),
    );
    write(join(esm, `${name}.d.ts`), text);
  }
}

/**
 * The files that Node itself loads. In Node, require() and import must give one instance of the package, and both give
 * the format of the application's Nest. If an ES module imported a CommonJS Nest, Node would analyse all of Nest, which
 * takes 60 ms. If an ES module is required, a loader such as tsx makes a second copy.
 */
const CHOOSE = `'use strict';
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
    `import * as modules from '${up}esm/${entry === 'index' ? 'main' : entry}.js';
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

/** Leaves the files that exist once out of those that import them. */
const partsApart = {
  name: 'parts-apart',
  setup(setup) {
    setup.onResolve({ filter: /^\./ }, ({ path, importer, kind }) => {
      if (kind === 'entry-point') return undefined;
      const target = join(dirname(importer), path);
      const part = PARTS.find(({ source }) => target === join(compiled, `${source}.js`));
      return part === undefined ? undefined : { path: part.import, external: true };
    });
  },
};

async function run() {
  rmSync(dist, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The compiler found errors.');
  const joined = await build({
    ...common,
    define: { PACKAGE_VERSION: JSON.stringify(version) },
    entryPoints: Object.fromEntries(
      [
        ...[...ENTRIES, CLI].map((entry) => [entry, entry]),
        ...PARTS.map(({ file, source }) => [relative(esm, file).slice(0, -'.js'.length), source]),
      ].map(([name, source]) => [name, join(compiled, `${source}.js`)]),
    ),
    plugins: [partsApart],
    bundle: true,
    splitting: true,
    format: 'esm',
    packages: 'external',
    chunkNames: 'shared-[hash]',
    metafile: true,
    write: false,
  });
  const shared = joined.outputFiles.map(({ path }) => /shared-\w+/.exec(path)?.[0]).filter(Boolean);
  // The CommonJS files repeat the name of a shared file each time they use it.
  const short = (name) => shared.reduce((result, each, i) => result.replaceAll(each, `shared${i + 1}`), name);
  const texts = new Map(joined.outputFiles.map(({ path, text }) => [short(path), short(text)]));
  const inCore = nestFree(texts);
  const parts = PARTS.map((part) => [part.file, takePart(part, texts, inCore)]);
  const modules = new Map([[CORE, await coreOf(inCore, texts)]]);
  const others = new Map();
  for (const [file, text] of texts) {
    if (inCore.includes(file)) continue;
    const placed = text.replace(`"${CONTRACT.import}"`, `"${pathTo(file, CONTRACT.file)}"`);
    others.set(file, importFrom(CORE, file, placed, inCore));
  }
  const entry = join(esm, 'index.js');
  const inMain = [entry, ...[...others.keys()].filter(isShared)];
  modules.set(MAIN, await joinFiles(inMain, others, CORE));
  for (const [file, text] of others) {
    if (inMain.includes(file)) continue;
    modules.set(file, await shortLocals(ownNames(importFrom(MAIN, file, text, inMain))));
  }
  modules.set(entry, `export{${exportsOf(parsed(others.get(entry))).join(',')}}from"./main.js";\n`);
  for (const [file, text] of modules) write(file, text);
  const converted = await build({
    ...common,
    entryPoints: [...modules.keys()].filter((file) => file !== CORE && file !== join(esm, `${CLI}.js`)),
    outbase: esm,
    outdir: cjs,
    format: 'cjs',
    logOverride: { 'empty-import-meta': 'error' },
    write: false,
  });
  for (const { path, text } of converted.outputFiles) {
    write(path, shortImports(ownNames(requireOptional(text))));
  }
  rmSync(CORE);
  write(join(cjs, 'core.js'), await commonJsOf(modules.get(CORE), redisLater));
  for (const [file, text] of parts)
    write(join(cjs, relative(esm, file)), await commonJsOf(await shortLocals(ownNames(text))));
  for (const name of ['core', 'contract'])
    write(join(cjs, `${name}-object.js`), `'use strict';\nexports.${name} = require('./${name}.js');\n`);
  for (const [file, text] of modules) {
    if (file === CORE) continue;
    const program = file === join(esm, `${CLI}.js`) ? '#!/usr/bin/env node\n' : '';
    write(file, program + takeFromCommonJs(file, text));
  }
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
