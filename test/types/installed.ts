/** The package as another project sees it: its declarations alone, under node_modules, with `exports`. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve('.');
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  types: ['node'],
  declaration: true,
  emitDeclarationOnly: true,
};

/** The output of a project that installed the package: its declarations, and the complaints of the compiler. */
export interface Emitted {
  readonly complaints: readonly string[];
  readonly declarations: string;
}

/** Compiles the source of a project with `declaration`, as in a library or a monorepo. */
export function emitInstalled(source: string): Emitted {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-locked-types-'));
  try {
    install(join(folder, 'node_modules'));
    const file = join(folder, 'main.ts');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    writeFileSync(file, source);
    const program = ts.createProgram([file], OPTIONS);
    let declarations = '';
    const { diagnostics } = program.emit(undefined, (_path, text) => (declarations += text));
    const found = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
    return {
      complaints: found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      declarations,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function install(modules: string): void {
  const own = join(modules, 'nestjs-locked');
  mkdirSync(own, { recursive: true });
  for (const name of ['@nestjs', '@types', 'rxjs', 'ioredis', 'ms', 'reflect-metadata']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(
    join(own, 'package.json'),
    JSON.stringify({
      name: 'nestjs-locked',
      type: 'module',
      exports: { '.': { types: './dist/index.d.ts' } },
    }),
  );
  const rootDir = join(ROOT, 'lib');
  const options = { ...OPTIONS, rootDir, outDir: join(own, 'dist') };
  ts.createProgram([join(rootDir, 'index.ts')], options).emit(undefined, (path, text) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  });
}
