/** Compiles the blocks of the documentation against the library's sources, as the editor of a user does. */
import { resolve } from 'node:path';
import ts from 'typescript';
import type { Block } from './markdown.js';

export interface Option {
  readonly name: string;
  /** The `@default` of its TSDoc, as text. */
  readonly byDefault: string | undefined;
}

const ROOT = resolve('.');
const INDEX = resolve(ROOT, 'lib/index.ts');
/** Types of packages that are not installed here. */
const FOREIGN = resolve(ROOT, 'test/docs/types/sentry.d.ts');

function configured(): ts.CompilerOptions {
  const path = resolve(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as {
    config: { compilerOptions: object };
  };
  const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT, path);
  if (errors.length > 0) throw new Error(ts.formatDiagnostics(errors, FORMAT));
  return { ...options, noEmit: false, noUnusedLocals: false, noUnusedParameters: false };
}

const FORMAT: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => ROOT,
  getCanonicalFileName: (name) => name,
  getNewLine: () => '\n',
};

export class DocsProgram {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  constructor(blocks: readonly Block[]) {
    const files = new Map(blocks.map((block) => [fileOf(block), block.source]));
    const options = configured();
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
    host.readFile = (path) => files.get(path) ?? readFile.call(host, path);
    host.getSourceFile = (path, languageVersion, ...rest) => {
      const source = files.get(path);
      return source === undefined
        ? getSourceFile.call(host, path, languageVersion, ...rest)
        : ts.createSourceFile(path, source, languageVersion, true);
    };
    this.#program = ts.createProgram([INDEX, FOREIGN, ...files.keys()], options, host);
    this.#checker = this.#program.getTypeChecker();
  }

  /** The compiler's messages for a block, with the line numbers of the page or the fixture. Empty if there are none. */
  complaints(block: Block): string {
    const file = this.#fileOf(block);
    const found = [
      ...this.#program.getSyntacticDiagnostics(file),
      ...this.#program.getSemanticDiagnostics(file),
    ];
    return found
      .map(({ start, messageText }) => {
        const lineNumber = block.source.slice(0, start).split('\n').length - 1;
        return `${block.placeOf(lineNumber)} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      })
      .join('\n');
  }

  javascript(block: Block): string {
    let text = '';
    this.#program.emit(this.#fileOf(block), (name, written) => {
      if (/\.m?js$/.test(name)) text = written;
    });
    return text;
  }

  /** The properties of an exported type, or, for a path with a dot, those of one of its properties. */
  optionsOf(path: string): Option[] {
    const [name, ...inner] = path.split('.');
    let type = this.#checker.getDeclaredTypeOfSymbol(this.#exported(name));
    for (const each of inner) {
      const property = type.getProperty(each);
      if (property === undefined) throw new Error(`${name} has no property ${each}.`);
      type = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(property));
    }
    return type.getProperties().map((property) => {
      const tag = property.getJsDocTags(this.#checker).find((each) => each.name === 'default');
      return {
        name: property.name,
        byDefault: tag === undefined ? undefined : ts.displayPartsToString(tag.text),
      };
    });
  }

  /** The concrete error classes that the package exports, with the type of their `code`. */
  errors(): Record<string, string> {
    const module = this.#checker.getSymbolAtLocation(this.#file(INDEX));
    const classes = this.#checker
      .getExportsOfModule(module as ts.Symbol)
      .filter(({ name }) => /Error$/.test(name));
    return Object.fromEntries(
      classes.flatMap(({ name }) => {
        const code = this.#checker.getDeclaredTypeOfSymbol(this.#exported(name)).getProperty('code');
        const type = code === undefined ? undefined : this.#checker.getTypeOfSymbol(code);
        return type?.isStringLiteral() ? [[name, type.value]] : [];
      }),
    );
  }

  /** The members of an exported union of strings. */
  membersOf(name: string): string[] {
    const type = this.#checker.getDeclaredTypeOfSymbol(this.#exported(name));
    return (type.isUnion() ? type.types : [type]).flatMap((each) =>
      each.isStringLiteral() ? [each.value] : [],
    );
  }

  #exported(name: string): ts.Symbol {
    const module = this.#checker.getSymbolAtLocation(this.#file(INDEX)) as ts.Symbol;
    const symbol = this.#checker.getExportsOfModule(module).find((each) => each.name === name);
    if (symbol === undefined) throw new Error(`The package exports no ${name}.`);
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #fileOf(block: Block): ts.SourceFile {
    return this.#file(fileOf(block));
  }

  #file(path: string): ts.SourceFile {
    const file = this.#program.getSourceFile(path);
    if (file === undefined) throw new Error(`No source file ${path}.`);
    return file;
  }
}

/** A name that no file has, in a place that finds the packages. */
function fileOf({ page, lineNumber }: Block): string {
  return resolve(ROOT, 'test/docs', `${page.replaceAll(/\W/g, '-')}-${lineNumber}.ts`);
}
