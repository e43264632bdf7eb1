/** One word for one state: the tables of the core, the Promela model and docs/architecture.md have the same names. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { SERVING_TABLE } from '../../lib/core/batches/serving-table.js';
import { LONE_TABLE } from '../../lib/core/engine/lone-caller.js';
import { REQUEST_TABLE } from '../../lib/core/requests/request-table.js';

const pathOf = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const MODEL = readFileSync(pathOf('verification/model/protocol.pml'), 'utf8');
const ARCHITECTURE = pathOf('docs/architecture.md');

const requestStates = [...new Set(Object.values(REQUEST_TABLE).flatMap((row) => Object.keys(row)))].sort();
const servingStates = Object.keys(SERVING_TABLE['callers wait']);
const loneStates = Object.keys(LONE_TABLE.wanted);

/** The names that follow a comment of the model, up to the next blank row. */
function namesAfter(comment: string): string[] {
  const [block] = MODEL.slice(MODEL.indexOf(comment)).split(/\n\s*\n/);
  return [...block.matchAll(/^#define ([A-Z_]+)/gm)].map(([, name]) => name);
}

describe('the names of states', () => {
  it('given the states of a request, then the model has them, and no others', () => {
    const names = namesAfter("/* The states of a key's request");
    expect(names.sort()).toEqual(requestStates.map((state) => state.toUpperCase()));
  });

  it.each(requestStates)('given "%s", then the model uses it', (state) => {
    const uses = MODEL.match(new RegExp(`\\b${state.toUpperCase()}\\b`, 'g')) ?? [];
    expect(uses.length).toBeGreaterThan(1);
  });

  it('given the model, which has no shared leases, then it has the states without them of what a key serves', () => {
    const names = namesAfter('/* What a key serves').map((name) => name.toLowerCase());
    expect(names).toEqual(['nothing', 'exclusive']);
    expect(servingStates).toEqual(expect.arrayContaining(names));
  });

  it('given a lone caller, then the model has its states, and no others', () => {
    const names = namesAfter('The states of a lone caller').map((name) => name.toLowerCase());
    expect(names).toEqual(loneStates.map((state) => `lone_${state}`));
  });

  if (!existsSync(ARCHITECTURE)) return;

  it.each([...requestStates, ...servingStates])('given "%s", then docs/architecture.md names it', (state) => {
    expect(readFileSync(ARCHITECTURE, 'utf8')).toMatch(new RegExp(`\\b${state}\\b`));
  });
});
