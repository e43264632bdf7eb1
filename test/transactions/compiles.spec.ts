/** The recipes and the specs of this folder compile, with the types of the libraries. */
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const CONFIG = resolve('test/transactions/tsconfig.json');

describe('the recipes of docs/transactions.md', () => {
  it('given every file of this folder, then it compiles', () => {
    const { config } = ts.readConfigFile(CONFIG, (file) => ts.sys.readFile(file)) as { config: unknown };
    const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(CONFIG));
    const found = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options));
    const texts = found.map(
      ({ file, messageText }) =>
        `${file?.fileName ?? CONFIG}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
    expect(fileNames.some((file) => file.endsWith('recipes/typeorm/transaction.ts'))).toBe(true);
    expect(texts).toEqual([]);
  }, 180_000);
});
