// What an import of the package takes, after Nest, ioredis and rxjs. Each import has a process of its own. The processes
// of the formats and of the packages alternate.
// node bench/overhead/import.mjs [number of processes] [folder of an application ...]
// Each application has the package, and its Nest, in node_modules. Without an application, the package imports itself.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../support/stats.mjs';

const [processes = '30', ...folders] = process.argv.slice(2);
const BEFORE = ['reflect-metadata', '@nestjs/common', '@nestjs/core', 'ioredis', 'rxjs'];
const MEASURE = (load) => `
const cpu = process.cpuUsage();
const started = performance.now();
${load};
const wall = performance.now() - started;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ wall, cpu: (user + system) / 1000 }));`;
const FORMATS = {
  // The first dynamic import of a process costs some ms, whatever it imports.
  module: [
    ...BEFORE.map((name) => `import '${name}';`),
    `await import('data:text/javascript,');`,
    MEASURE(`await import('nestjs-locked')`),
  ].join('\n'),
  commonjs: BEFORE.map((name) => `require('${name}');`).join('\n') + MEASURE(`require('nestjs-locked')`),
};

function importOnce(format, cwd) {
  const run = spawnSync(process.execPath, [`--input-type=${format}`, '--eval', FORMATS[format]], {
    cwd,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`The import in ${cwd} failed: ${run.stderr}`);
  return JSON.parse(run.stdout);
}

const applications = folders.length > 0 ? folders : [fileURLToPath(new URL('../..', import.meta.url))];
const rows = applications.flatMap((cwd) => Object.keys(FORMATS).map((format) => ({ cwd, format, seen: [] })));
// The first round reads the files from the disk.
for (const { cwd, format } of rows) importOnce(format, cwd);
for (let round = 0; round < Number(processes); round += 1) {
  for (const row of rows) row.seen.push(importOnce(row.format, row.cwd));
}
for (const { cwd, format, seen } of rows) {
  const text = ['wall', 'cpu'].map((field) => {
    const all = seen.map((each) => each[field]);
    return `${field} ${median(all).toFixed(1)} ms (least ${Math.min(...all).toFixed(1)})`;
  });
  console.log(`${format.padEnd(8)} ${text.join(', ')}  ${cwd}`);
}
