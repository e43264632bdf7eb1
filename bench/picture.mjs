// Draws a run's JSON as an SVG: node picture.mjs RUN.json [PICTURE.svg]
import { writeFileSync } from 'node:fs';
import { drawRun } from './support/picture.mjs';
import { readRun } from './support/run-file.mjs';

const [source, target] = process.argv.slice(2);
if (source === undefined || source.startsWith('-')) {
  console.error('node picture.mjs RUN.json [PICTURE.svg]   without a second name it is printed');
  process.exit(2);
}
const picture = drawRun(readRun(source));
if (target === undefined) process.stdout.write(picture);
else writeFileSync(target, picture);
