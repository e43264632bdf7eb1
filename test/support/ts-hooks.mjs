// Module hooks: finds `./thing.ts` for `./thing.js`, the library by its name, and transpiles with the root's tsconfig.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../../', import.meta.url);
const { config } = ts.readConfigFile(fileURLToPath(new URL('tsconfig.json', root)), (file) =>
  readFileSync(file, 'utf8'),
);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, fileURLToPath(root));
const compilerOptions = {
  ...options,
  noEmit: false,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  paths: undefined,
  inlineSourceMap: true,
  inlineSources: true,
};

export function resolve(specifier, context, next) {
  const library = /^nestjs-locked(?:\/(.+))?$/.exec(specifier);
  if (library) return next(new URL(`lib/${library[1] ? `${library[1]}/` : ''}index.ts`, root).href, context);
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (existsSync(source)) return next(source.href, context);
  }
  return next(specifier, context);
}

export function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const fileName = fileURLToPath(url);
  const { outputText } = ts.transpileModule(readFileSync(fileName, 'utf8'), { fileName, compilerOptions });
  return { format: 'module', source: outputText, shortCircuit: true };
}
