// The pages are written for GitHub. These rules make VitePress show them as GitHub does, so that no page needs a change.
import { relative, sep } from 'node:path';
import { resolveLink } from './links.mjs';
import { STAGE } from './paths.mjs';

/** The tags that pages may use. Any other is text, such as the type in `Promise<B>`. */
const TAGS =
  /^<\/?(?:a|b|br|code|dd|details|div|dl|dt|em|hr|i|img|kbd|li|ol|p|picture|pre|source|strong|sub|summary|sup|table|tbody|td|th|thead|tr|ul)(?=[\s/>])/;

/** The anchor that GitHub gives a heading. */
export function slugify(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}

/** Vue reads two braces as an expression. */
const escapeBraces = (html) => html.replaceAll('{{', '&#123;&#123;').replaceAll('}}', '&#125;&#125;');
const escapeTag = (tag) => tag.replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Drops the comments, and escapes all tags that pages may not use. */
export function safeHtml(html, rewrite = (href) => href) {
  const known = html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<[^>]*>?/g, (tag) => (TAGS.test(tag) ? tag : escapeTag(tag)))
    .replace(/(\s(?:src|srcset|href)=")([^"]*)"/g, (_, start, href) => `${start}${rewrite(href) ?? ''}"`);
  return escapeBraces(known);
}

/** Rewrites the links and images below `tokens`. A link without a target in the site loses its tags, and keeps its text. */
function rewriteInline(tokens, rewrite) {
  const open = [];
  return tokens.filter((token) => {
    if (token.type === 'link_open') {
      const href = rewrite(token.attrGet('href'));
      if (href !== undefined) token.attrSet('href', href);
      open.push(href !== undefined);
      return href !== undefined;
    }
    if (token.type === 'link_close') return open.pop();
    if (token.type === 'image') token.attrSet('src', rewrite(token.attrGet('src')) ?? '');
    return true;
  });
}

/**
 * @param md the renderer of VitePress
 * @param {Map<string, string>} sources the path in the repository, by the staged path
 * @param {string} [repository]
 */
export function readAsGitHubDoes(md, sources, repository) {
  const known = new Set(sources.values());
  const rewriterOf = (env) => {
    const source = sources.get(env.relativePath ?? relative(STAGE, env.path ?? '').replaceAll(sep, '/'));
    return (href) => (source === undefined ? href : resolveLink(source, href, known, repository));
  };

  md.linkify.set({ fuzzyLink: false });
  md.disable('emoji', true);
  md.core.ruler.push('repository_links', ({ tokens, env }) => {
    for (const token of tokens) {
      if (token.type === 'inline') token.children = rewriteInline(token.children, rewriterOf(env));
    }
  });

  const { text, code_inline, fence } = md.renderer.rules;
  md.renderer.rules.text = (...args) => escapeBraces(text(...args));
  md.renderer.rules.code_inline = (...args) => escapeBraces(code_inline(...args));
  for (const type of ['html_inline', 'html_block']) {
    md.renderer.rules[type] = (tokens, index, _options, env) =>
      safeHtml(tokens[index].content, rewriterOf(env));
  }
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index];
    if (info.trim() !== 'mermaid') return fence(tokens, index, ...rest);
    return `<MermaidDiagram code="${encodeURIComponent(content)}" />\n`;
  };
}
