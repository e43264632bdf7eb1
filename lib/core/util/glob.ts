/** Globs with the meaning that Redis gives them: `*`, `?`, `[a-c]`, `[^a]`, and `\\` before a character for itself. */

/** @returns an expression that matches the whole key. */
export function globPattern(glob: string): RegExp {
  let source = '';
  for (let at = 0; at < glob.length; at += 1) {
    const character = glob[at];
    if (character === '\\' && at + 1 < glob.length) source += escaped(glob[(at += 1)]);
    else if (character === '*') source += '[^]*';
    else if (character === '?') source += '[^]';
    else if (character === '[') {
      const end = endOfSet(glob, at);
      source += setSource(glob.slice(at + 1, end));
      at = end;
    } else source += escaped(character);
  }
  return new RegExp(`^${source}$`);
}

/** A set without an end goes to the end of the glob. */
function endOfSet(glob: string, start: number): number {
  for (let at = start + 1; at < glob.length; at += 1) {
    if (glob[at] === '\\') at += 1;
    else if (glob[at] === ']') return at;
  }
  return glob.length;
}

function setSource(set: string): string {
  const negated = set.startsWith('^');
  const characters = (negated ? set.slice(1) : set).replace(/\\(.)/gs, '$1').replace(/[\\\]^[]/g, '\\$&');
  if (characters === '') return negated ? '[^]' : '(?!)';
  return `[${negated ? '^' : ''}${characters}]`;
}

function escaped(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}
