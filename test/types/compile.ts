/** Compiles snippets against the sources of the library, as the editor of a user does. */
import { resolve } from 'node:path';
import ts from 'typescript';

export interface Complaint {
  /** The source text of the marked row, trimmed. */
  readonly code: string;
  /** The whole message, with its chain. */
  readonly message: string;
}

const ROOT = resolve('.');
const CONFIG = ts.getParsedCommandLineOfConfigFile(
  resolve(ROOT, 'tsconfig.json'),
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => fail(diagnostic) },
);

/** Compiles several snippets in one program, because most of the time is for parsing Nest. */
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
  const row = file.text.slice(0, start ?? 0).split('\n').length - 1;
  return {
    code: (file.text.split('\n')[row] ?? '').trim(),
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  };
}

function fail(diagnostic: ts.Diagnostic): never {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
