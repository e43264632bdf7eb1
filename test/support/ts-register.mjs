// `node --import ts-register.mjs file.ts` runs TypeScript of this repository without a build.
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
