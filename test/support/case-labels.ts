/** The cases of a method's `switch`, read from the source: what the types promise about a switch, a test can show. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * @param file relative to the repository: `lib/core/engine/key-coordinator.ts`.
 * @param method its name in the source, such as `#do`.
 */
export function caseLabelsOf(file: string, method: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
  const labels: string[] = [];
  const collect = (node: ts.Node): void => {
    if (ts.isCaseClause(node) && ts.isStringLiteral(node.expression)) labels.push(node.expression.text);
    ts.forEachChild(node, collect);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isMethodDeclaration(node) && node.name.getText(source) === method) collect(node);
    else ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
  visit(source);
  return labels;
}
