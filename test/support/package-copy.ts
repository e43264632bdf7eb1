/** Another copy of the package in this process, as npm may install one: other classes, the same Nest. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as locked from 'nestjs-locked';
import type * as testing from 'nestjs-locked/testing';
import ts from 'typescript';

export interface PackageCopy {
  readonly dir: string;
  readonly locked: typeof locked;
  readonly testing: typeof testing;
  /** Removes its files. */
  remove(): void;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Compiles the sources to a separate directory, and loads them from there. */
export async function loadCopy(): Promise<PackageCopy> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'lock-test-copy-')));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  try {
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    for (const file of readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const target = join(dir, 'dist', file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, compile(readFileSync(join(ROOT, 'lib', file), 'utf8')));
    }
    return {
      dir,
      locked: (await import(join(dir, 'dist/index.js'))) as typeof locked,
      testing: (await import(join(dir, 'dist/testing/index.js'))) as typeof testing,
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function compile(source: string): string {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: false,
      verbatimModuleSyntax: false,
    },
  });
  return outputText;
}
