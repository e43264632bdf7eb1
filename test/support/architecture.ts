/** The layers of lib/: which files a file may import, and a checker that names each breach. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Source text by path, relative to the repository: `lib/core/coordinator.ts`. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly specifier: string;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Packages and `node:` modules that may be imported. If absent, all may be imported. */
  readonly packages?: RegExp;
}

/** The packages that the core may import. The core knows neither Nest nor Redis. */
const CORE = /^(node:.*|ms)$/;

/** The folders of the core, from the bottom up. Folders of one row do not import each other. */
export const CORE_ROOMS = [
  ['util', 'time', 'events', 'keys'],
  ['contracts'],
  ['options', 'deadlock', 'runtime'],
  ['leases', 'inspection'],
  ['holds', 'inspector'],
  ['queue'],
  ['batches', 'requests'],
  ['engine'],
] as const;

/** The folders of the Redis store, from the bottom up. */
const REDIS_ROOMS = [
  ['naming', 'scripts', 'client'],
  ['errors'],
  ['health'],
  ['opening', 'commands'],
  ['notifications'],
  ['inspection'],
] as const;

function rooms(root: string, rows: ReadonlyArray<readonly string[]>, packages: RegExp): Layer[] {
  return rows.flat().map((room) => ({ name: room, files: new RegExp(`^${root}/${room}/`), packages }));
}

/** From the bottom up. A file may import its own layer and those below it. */
const LAYERS: readonly Layer[] = [
  { name: 'errors', files: /^lib\/errors\//, packages: /^$/ },
  ...rooms('lib/core', CORE_ROOMS, CORE),
  { name: 'quorum', files: /^lib\/stores\/quorum\//, packages: /^node:.*$/ },
  { name: 'memory', files: /^lib\/stores\/memory\//, packages: /^node:.*$/ },
  ...rooms('lib/stores/redis', REDIS_ROOMS, /^(node:.*|ioredis)$/),
  { name: 'redis', files: /^lib\/stores\/redis\/[^/]+$/, packages: /^(node:.*|ioredis)$/ },
  { name: 'interfaces', files: /^lib\/interfaces\// },
  { name: 'service', files: /^lib\/lock\.(service|inspection|constants)\.ts$/ },
  { name: 'error mapping', files: /^lib\/error-mapping\// },
  { name: 'locked', files: /^lib\/locked\/[^/]+$/ },
  { name: 'locked/key', files: /^lib\/locked\/key\// },
  { name: 'locked/lifetime', files: /^lib\/locked\/lifetime\// },
  { name: 'locked/decoration', files: /^lib\/locked\/decoration\// },
  { name: 'locked/call', files: /^lib\/locked\/call\// },
  { name: 'decorators', files: /^lib\/decorators\// },
  { name: 'module parts', files: /^lib\/module\// },
  { name: 'module', files: /^lib\/lock\.[a-z-]+(\.[a-z-]+)?\.ts$/ },
  { name: 'index', files: /^lib\/index\.ts$/ },
  { name: 'optional entries', files: /^lib\/(store|testing|health|telemetry|dashboard|swagger)\// },
  { name: 'command line', files: /^lib\/cli\//, packages: /^(node:.*|ioredis)$/ },
];

/** Parts that do not import each other. */
const APART = [
  /^lib\/stores\/[^/]+\//,
  /^lib\/(store|testing|health|telemetry|dashboard|swagger|cli)\//,
  ...[...CORE_ROOMS, ...REDIS_ROOMS].map((row) => new RegExp(`^lib/(core|stores/redis)/(${row.join('|')})/`)),
];

/**
 * The only files that create clients: of a module, and of the command line. Elsewhere a client is recognised by its
 * structure, because two versions are supported.
 */
const CLIENT_FACTORIES = ['lib/stores/redis/opening/redis-client.factory.ts', 'lib/cli/connect.ts'];

/** Each breach as a sentence. */
export function breaches(sources: Sources): string[] {
  const graph = new Map<string, string[]>();
  const found: string[] = [];
  for (const [file, text] of sources) {
    const layer = layerOf(file);
    if (layer < 0) found.push(`${file} belongs to no layer`);
    const targets: string[] = [];
    for (const { specifier, typeOnly } of importsOf(file, text)) {
      if (specifier.startsWith('.')) {
        const target = resolve(file, specifier);
        if (sources.has(target)) targets.push(target);
        else found.push(`${file} imports ${specifier}, which is not there`);
        if (layerOf(target) > layer) found.push(`${file} imports upwards: ${target}`);
        else if (apart(file, target)) found.push(`${file} imports sideways: ${target}`);
      } else if (!(LAYERS[layer]?.packages ?? /./).test(specifier)) {
        found.push(`${file} imports ${specifier}: ${LAYERS[layer]?.name} may not`);
      } else if (specifier.startsWith('nestjs-locked')) {
        found.push(`${file} imports the package by its name`);
      } else if (specifier === 'ioredis' && !typeOnly && !CLIENT_FACTORIES.includes(file)) {
        found.push(`${file} imports ioredis as a value: only ${CLIENT_FACTORIES.join(' and ')} may`);
      }
    }
    graph.set(file, targets);
  }
  return [...found, ...cycles(graph).map((cycle) => `a cycle: ${cycle.join(' → ')}`)];
}

/** The present sources of lib/. */
export function readLib(): Sources {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
    .map((file) => `lib/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts'));
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

function layerOf(file: string): number {
  return LAYERS.findIndex(({ files }) => files.test(file));
}

function apart(file: string, target: string): boolean {
  return APART.some((part) => {
    const [from, to] = [part.exec(file), part.exec(target)];
    return from !== null && to !== null && from[0] !== to[0];
  });
}

function resolve(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts');
}

/** Static and dynamic imports, re-exports, and types such as `import('./x.js').X`. */
export function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier))
      found.push({ specifier: specifier.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, erased(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && isImport(node.expression)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022));
  return found;
}

function erased(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return (
    clause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly)
  );
}

function isImport(callee: ts.Expression): boolean {
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
  );
}

/** One cycle for each import that closes a cycle. Imports of types count: files that need each other are one file. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) walk(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) walk(file);
  return found;
}
