// The API reference, made from the comments of the sources by TypeDoc: one page for each public symbol.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, Converter, LogLevel, ReflectionKind } from 'typedoc';
import { REFERENCE, ROOT, packageJson } from './paths.mjs';

/** The entry points of package.json: `.` is lib/index.ts, `./testing` is lib/testing/index.ts. */
export function entryPoints({ exports } = packageJson) {
  return Object.keys(exports)
    .filter((entry) => !entry.endsWith('.json'))
    .map((entry) => join(ROOT, 'lib', entry, 'index.ts'));
}

/** The items of the sidebar for one node of TypeDoc's navigation. */
function item({ title, path, children }) {
  return {
    text: title,
    ...(path ? { link: `/api/${path.replaceAll('\\', '/').replace(/(?:index)?\.md$/, '')}` } : {}),
    ...(children ? { collapsed: true, items: children.map(item) } : {}),
  };
}

/** TypeDoc names a module by its folder. A user knows the module by the name that an import has. */
function nameModules(project) {
  const { name } = packageJson;
  for (const module of project.children) {
    module.name = module.name === 'index' ? name : `${name}/${module.name}`;
  }
}

/** Makes one list of the errors that a function throws, and links each error to its page. */
function listErrors(project) {
  const reflections = Object.values(project.reflections);
  const errors = new Map(
    reflections
      .filter(({ kind, name }) => kind === ReflectionKind.Class && name.endsWith('Error'))
      .map((reflection) => [reflection.name, reflection]),
  );
  const linked = (part) => {
    const [, name, rest] = (part?.kind === 'text' && /^\s*(\w+)([\s\S]*)$/.exec(part.text)) || [];
    if (!errors.has(name)) return part === undefined ? [] : [part];
    const link = { kind: 'inline-tag', tag: '@link', text: name, target: errors.get(name) };
    return [link, { kind: 'text', text: rest }];
  };
  for (const comment of new Set(reflections.map((reflection) => reflection.comment))) {
    const [first, ...others] = comment?.blockTags.filter(({ tag }) => tag === '@throws') ?? [];
    if (first === undefined) continue;
    first.content = [first, ...others].flatMap(({ content: [start, ...end] }) => [
      { kind: 'text', text: '- ' },
      ...linked(start),
      ...end,
      { kind: 'text', text: '\n' },
    ]);
    comment.blockTags = comment.blockTags.filter((tag) => !others.includes(tag));
  }
}

/** TypeDoc shows a default as code. Many defaults are sentences, which must be text. */
function writeDefaults(project) {
  const comments = Object.values(project.reflections).flatMap(({ comment }) => comment ?? []);
  for (const tag of new Set(comments.flatMap(({ blockTags }) => blockTags))) {
    const [code] = tag.content;
    if (tag.tag !== '@default' || tag.content.length !== 1 || code.kind !== 'code') continue;
    const text = code.text.replace(/^```\w*\n|\n```$/g, '');
    tag.content = [/\s/.test(text) ? { kind: 'text', text } : { kind: 'code', text: `\`${text}\`` }];
  }
}

/** The base of a public class or interface may be internal. A reader needs the members, and not the name of the base. */
function hideInternalBases(project) {
  const isInternal = ({ type, package: from, reflection }) =>
    type === 'reference' && from === packageJson.name && reflection === undefined;
  for (const reflection of Object.values(project.reflections)) {
    delete reflection.inheritedFrom;
    delete reflection.overwrites;
    delete reflection.implementationOf;
    for (const bases of ['extendedTypes', 'implementedTypes']) {
      const shown = reflection[bases]?.filter((type) => !isInternal(type)) ?? [];
      if (shown.length > 0) reflection[bases] = shown;
      else delete reflection[bases];
    }
    // The first link of the chain is what a page shows as the bases. Without `next`, the page shows no chain.
    const hierarchy = reflection.typeHierarchy;
    if (hierarchy === undefined || hierarchy.isTarget) continue;
    hierarchy.types = hierarchy.types.filter((type) => !isInternal(type));
    if (hierarchy.types.length === 0) reflection.typeHierarchy = hierarchy.next;
  }
}

/** Writes the reference and its part of the sidebar. */
export async function writeReference() {
  rmSync(REFERENCE, { recursive: true, force: true });
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: entryPoints(),
    tsconfig: join(ROOT, 'tsconfig.build.json'),
    name: 'API reference',
    out: REFERENCE,
    logLevel: LogLevel.Error,
    readme: 'none',
    router: 'member',
    entryFileName: 'index',
    disableSources: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeProtected: true,
    // `npm run typecheck` reports errors of the compiler.
    skipErrorChecking: true,
    validation: false,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    expandParameters: true,
    parametersFormat: 'htmlTable',
    pageTitleTemplates: { module: '{name}', member: ({ name }) => name.replace(/\\?<.*$/s, '') },
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => nameModules(project));
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    listErrors(project);
    writeDefaults(project);
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the sources.');
  hideInternalBases(project);
  let navigation;
  app.renderer.postRenderAsyncJobs.push(async (output) => {
    navigation = output.navigation;
  });
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('TypeDoc could not write the reference.');
  writeFileSync(join(REFERENCE, 'sidebar.json'), JSON.stringify(navigation.map(item)));
}
