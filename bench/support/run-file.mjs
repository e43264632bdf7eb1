// A run as `run.mjs --json` wrote it: what the report and the picture read from it.
import { readFileSync } from 'node:fs';

export const OURS = 'nestjs-locked';
/** What is no lock library: the floor, and the limit. */
const NO_PEERS = new Set(['raw', 'bare publish']);

export function readRun(file) {
  const run = JSON.parse(readFileSync(file, 'utf8'));
  if (run.machine === undefined || run.scenarios === undefined) throw new Error(`${file} is no run's JSON.`);
  return run;
}

export function rowOf(run, scenario, name) {
  return run.scenarios[scenario]?.rows.find((row) => row.name === name);
}

/** The other lock libraries, in all modes that were measured. */
export function peersOf(run, scenario) {
  const rows = run.scenarios[scenario]?.rows ?? [];
  return rows.filter(({ name }) => !isOurs(name) && !NO_PEERS.has(name) && !name.startsWith('raw,'));
}

/** In any mode, on any build. */
export const isOurs = (name) => /^nestjs-locked($|,| \()/.test(name);

/** The scenarios that have a table of their own, by name. */
export function singlesOf(run) {
  return Object.entries(run.scenarios).filter(([, scenario]) => scenario.series === undefined);
}

/** `{ name, title, unit, sizes }` of each series of costs. */
export function seriesOf(run) {
  const all = new Map();
  for (const scenario of Object.values(run.scenarios)) {
    const { series } = scenario;
    if (series === undefined) continue;
    if (!all.has(series.name)) all.set(series.name, { ...series, sizes: [] });
    all.get(series.name).sizes.push({ ...scenario, size: series.size });
  }
  return [...all.values()];
}

/** `redis-7.0`, for file names. */
export function slugOf({ machine }) {
  const [, name, version] = /^(\w+) (\d+\.\d+)/.exec(machine.server) ?? [];
  if (name === undefined) throw new Error(`A run on an unknown server: ${machine.server}.`);
  return `${name.toLowerCase()}-${version}`;
}
