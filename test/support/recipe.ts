/** The recipe of docs/fencing.md, read from that page: its tables, and its functions as a module. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import type { Database } from './sql-client.js';

export interface Recipe {
  setUnits(db: Database, sku: string, units: number, fence: number): Promise<void>;
  claim(db: Database, sku: string, fence: number): Promise<{ units: number }>;
  write(db: Database, sku: string, units: number, fence: number): Promise<void>;
  move(db: Database, from: string, to: string, n: number, fence: number): Promise<void>;
  put(db: Database, sku: string, units: number, fence: number): Promise<void>;
  fenced<T>(db: Database, name: string, fence: number, work: () => Promise<T>): Promise<T>;
}

/** The code blocks of the recipe, in the order of the page. */
function blocks(language: 'sql' | 'ts'): string[] {
  const page = readFileSync(new URL('../../docs/fencing.md', import.meta.url), 'utf8');
  const marked = /<!-- recipe -->\n(?:<!-- fixture: [\w-]+ -->\n)?\n```(\w+)\n([^]*?)\n```/g;
  return [...page.matchAll(marked)].filter(([, each]) => each === language).map(([, , code]) => code);
}

/** The statements that create its tables. */
export function recipeTables(): string[] {
  return blocks('sql');
}

export async function recipeModule(): Promise<Recipe> {
  const { outputText } = ts.transpileModule(blocks('ts').join('\n'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  return (await import(`data:text/javascript,${encodeURIComponent(outputText)}`)) as Recipe;
}
