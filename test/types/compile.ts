/** Compiles snippets against the library's sources, as a user's editor would. */
import { resolve } from 'node:path';
import ts from 'typescript';

export interface Complaint {
  /** The text of the queue that the compiler points at, trimmed. */
  readonly line: string;
  /** The whole message, its chain included. */
  readonly message: string;
}

const ROOT = resolve('.');
const CONFIG = ts.getParsedCommandLineOfConfigFile(
  resolve(ROOT, 'tsconfig.json'),
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => fail(diagnostic) },
);

/** Compiles several snippets in one program: parsing Nest once is what takes the time. */
export function compile(snippets: Readonly<Record<string, string>>): Record<string, Complaint[]> {
  const files = new Map(
    Object.entries(snippets).map(([name, source]) => [
      resolve(ROOT, 'test/types', `snippet-${name}.ts`),
      source,
    ]),
  );
  const options: ts.CompilerOptions = {
    ...CONFIG?.options,
    noUnusedParameters: false,
    noUnusedLocals: false,
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const source = files.get(path);
    return source === undefined
      ? getSourceFile.call(host, path, ...rest)
      : ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return Object.fromEntries(
    Object.keys(snippets).map((name, at) => {
      const file = program.getSourceFile([...files.keys()][at]);
      if (file === undefined) throw new Error(`No source file for ${name}.`);
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      return [name, found.map((diagnostic) => complaintOf(file, diagnostic))];
    }),
  );
}

function complaintOf(file: ts.SourceFile, { start, messageText }: ts.Diagnostic): Complaint {
  const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
  return {
    line: (file.text.split('\n')[line] ?? '').trim(),
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  };
}

function fail(diagnostic: ts.Diagnostic): never {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
