/** The place in the application's code where a lock was taken. */
import type { CallSite } from '../deadlock/call-sites.js';

/** The folder of this package's code, which may be compiled, bundled, or neither. */
const OWN = /(?:\(|at )((?:file:\/\/)?[^()\s]*[\\/](?:lib|dist)[\\/])/.exec(
  new Error('to read the stack').stack?.split('\n')[1] ?? '',
)?.[1];

/** The first frame outside of this package. If all frames are in one bundle with it, the first one. */
export function firstFrame(site: CallSite | undefined): string | undefined {
  const frames = (site?.stack?.split('\n').slice(1) ?? [])
    .map((frame) => frame.trim().replace(/^at /, ''))
    .filter((frame) => !frame.includes('node:'));
  return frames.find((frame) => OWN === undefined || !frame.includes(OWN)) ?? frames[0];
}
