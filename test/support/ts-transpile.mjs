// Transpiles one TypeScript file to JavaScript, with the tsconfig of the repository.
import { readFileSync } from 'node:fs';
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
};

export function transpile(source, fileName) {
  return ts.transpileModule(source, { fileName, compilerOptions }).outputText;
}
