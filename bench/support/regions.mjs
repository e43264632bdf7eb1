// Marked regions of a page, which a program writes: from `<!-- begin: name -->` to `<!-- end: name -->`.
export function fillRegion(page, name, content) {
  const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The page has no region from ${begin} to ${end}.`);
  return `${page.slice(0, from)}${begin}\n\n${content.trim()}\n\n${page.slice(to)}`;
}
