// Composes the Lua scripts of lib/stores/redis/scripts. `--- @include name` stands for the file includes/name.lua. The
// scripts are sent from generated.ts, because no file is read at run time.
//
//   node scripts/lua.mjs --write          writes generated.ts anew
//   node scripts/lua.mjs --check          fails if generated.ts is not current
//   node scripts/lua.mjs acquire          prints the script as it is sent
//   node scripts/lua.mjs acquire --source prints the script with comments and indentation
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const SCRIPTS = fileURLToPath(new URL('../lib/stores/redis/scripts/', import.meta.url));

const INCLUDE = /^([ \t]*)--- @include[ \t]+(\S+)[ \t]*$/;
const OPTIONS = ['--check', '--write', '--source'];

/** A mistake of the caller, which is printed without a stack. */
export class LuaError extends Error {}

/** The names of the scripts in a folder. */
export function scriptNames(folder = SCRIPTS) {
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'));
  return files.map((file) => file.slice(0, -'.lua'.length)).sort();
}

/** Removes comments and indentation, which are only for readers. */
export function strip(text) {
  return text.replace(/^[ \t]*--.*\n|^[ \t]+/gm, '').replace(/^\n+|(\n)\n+/g, '$1');
}

/** The parts of a file: text, and includes as `{ indent, name }`. */
function read(folder, name, includedBy) {
  const file = join(folder, `${name}.lua`);
  if (!existsSync(file))
    throw new LuaError(`${includedBy} includes "${name.slice('includes/'.length)}", which does not exist.`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((part) => {
      const [, indent, include] = INCLUDE.exec(part) ?? [];
      if (include !== undefined) return { indent, name: `includes/${include}` };
      if (part.includes('@include'))
        throw new LuaError(`${name}.lua has a malformed include: ${part.trim()}`);
      return part;
    });
}

/** The text of a file with its includes, with comments and indentation. */
export function compose(name, folder = SCRIPTS, includedBy = []) {
  if (includedBy.includes(name)) {
    throw new LuaError(`The includes form a cycle: ${[...includedBy, name].join(' → ')}.`);
  }
  const parts = read(folder, name, includedBy.at(-1)).map((part) => {
    if (typeof part === 'string') return part;
    const text = compose(part.name, folder, [...includedBy, name]).trimEnd();
    return text.replace(/^(?=.)/gm, part.indent);
  });
  return parts.join('\n');
}

/** The text of generated.ts. It has one constant for each file, so that a shared include is there only once. */
export function generate(folder = SCRIPTS) {
  const written = new Map();
  const constantOf = (name) =>
    name
      .replace(/^includes\//, 'in/')
      .replace(/\W+/g, '_')
      .toUpperCase();
  const write = (name, includedBy = []) => {
    if (written.has(name)) return;
    const parts = read(folder, name, includedBy.at(-1));
    for (const part of parts) if (typeof part !== 'string') write(part.name, [...includedBy, name]);
    const text = parts
      .map((part) => (typeof part === 'string' ? part : `\0${constantOf(part.name)}\0`))
      .join('\n');
    const literal = strip(`${text}\n`)
      .replace(/[\\`]|\$\{/g, '\\$&')
      .replace(/\n/g, '\\n')
      .replace(/\0(\w+)\0\\n/g, '${$1}');
    const exported = name.startsWith('includes/') ? '' : 'export ';
    written.set(name, `${exported}const ${constantOf(name)} = \`${literal}\`;\n`);
  };
  for (const name of scriptNames(folder)) {
    compose(name, folder); // finds cycles
    write(name);
  }
  const constants = [...written.values()].join('');
  return `// Generated from the .lua files by \`npm run lua -- --write\`. Do not edit.\n${constants}${digests(constants)}`;
}

/** The names by which Redis knows the scripts. A program would compute them each time it starts. */
function digests(constants) {
  const names = [...constants.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
  const texts = new Function(`${constants.replace(/^export /gm, '')}return { ${names.join(', ')} };`)();
  const entries = names.map((name) => {
    const sha = createHash('sha1').update(texts[name]).digest('hex');
    return `  ${name}: '${sha}',\n`;
  });
  return `/** The SHA1 of each script. */\nexport const DIGESTS = {\n${entries.join('')}};\n`;
}

/** The programs that find faults in Lua. Each is used only if it is installed, because the installation needs root. */
const LINTERS = [
  ['luac', '-p', '-'],
  // An include reads and sets variables of the script around it. It may leave some unused, and may redefine those of
  // another include.
  [
    ...['luacheck', '-', '--std', 'lua51', '--globals', 'KEYS', 'ARGV', 'redis', '--no-unused'],
    ...['--no-redefined', '--ignore', '321', '--no-color', '-q'],
  ],
];

/** @returns the faults that these programs find in a composed script. */
export function lint(text) {
  const found = [];
  for (const [command, ...args] of LINTERS) {
    const { status, stdout, stderr, error } = spawnSync(command, args, { input: text, encoding: 'utf8' });
    if (error === undefined && status !== 0) found.push(`${command}: ${stdout}${stderr}`.trim());
  }
  return found;
}

function print(name, source) {
  const names = scriptNames();
  if (!names.includes(name)) {
    const found = name === undefined ? 'No script is named.' : `There is no script "${name}".`;
    throw new LuaError(`${found} The scripts are: ${names.join(', ')}.`);
  }
  const text = compose(name);
  process.stdout.write(source ? text : strip(text));
}

function run(args) {
  const unknown = args.find((arg) => arg.startsWith('-') && !OPTIONS.includes(arg));
  if (unknown !== undefined)
    throw new LuaError(`Unknown option "${unknown}". The options are: ${OPTIONS.join(', ')}.`);
  const names = args.filter((arg) => !arg.startsWith('-'));
  if (names.length > 1) throw new LuaError('Name one script.');
  const generated = join(SCRIPTS, 'generated.ts');
  if (args.includes('--write')) return writeFileSync(generated, generate());
  if (!args.includes('--check')) return print(names[0], args.includes('--source'));
  if (!existsSync(generated) || readFileSync(generated, 'utf8') !== generate()) {
    throw new LuaError('generated.ts is not current. Run `npm run lua -- --write`.');
  }
  const found = scriptNames().flatMap((name) =>
    lint(strip(compose(name))).map((fault) => `${name}.lua: ${fault}`),
  );
  if (found.length > 0) throw new LuaError(found.join('\n'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    run(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
