/** test/README.md maps features to tests: it names every spec, and no file that does not exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** The folders of the map. The fuzzer and the model have pages of their own. */
const FOLDERS = [
  'unit',
  'contract',
  'integration',
  'chaos',
  'transports',
  'types',
  'docs',
  'docs/readme',
  'sample',
  'scripts',
  'cli',
  'dashboard',
];

const specs = FOLDERS.flatMap((folder) =>
  readdirSync(join('test', folder))
    .filter((file) => file.endsWith('.spec.ts'))
    .map((file) => `${folder}/${basename(file, '.spec.ts')}`),
);

/** The names of files in the tables of features, which stand in every column but the first. */
function namesInMap(): string[] {
  const map = readFileSync('test/README.md', 'utf8');
  const features = map.slice(map.indexOf('## Features'), map.indexOf('## A new test'));
  return features
    .split('\n')
    .filter((row) => row.startsWith('|'))
    .flatMap((row) => row.split('|').slice(2))
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
}

describe('the map of the tests', () => {
  const names = namesInMap();

  it('given any spec, then the map names it', () => {
    const named = (spec: string): boolean => names.some((name) => name === spec || name === basename(spec));
    expect(specs.filter((spec) => !named(spec))).toEqual([]);
  });

  it('given any name of the map, then there is a spec or a file of that name', () => {
    const exists = (name: string): boolean =>
      specs.some((spec) => spec === name || basename(spec) === name) ||
      [name, join('test', name)].some((path) => existsSync(path));
    expect(names.filter((name) => !exists(name))).toEqual([]);
  });
});
