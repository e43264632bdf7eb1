/** What runs at the moment, by series: the callers that wait and the locks that are held, the oldest first. */
import type { Attributes } from '@opentelemetry/api';
import { ATTRIBUTES as A } from './telemetry.names.js';

/** When something began, on the monotonic clock, in ms. */
export interface Since {
  readonly at: number;
}

export interface Series {
  readonly attributes: Attributes;
  readonly waits: Set<Since>;
  readonly holds: Set<Since>;
}

/** A series stays for the life of the process, so that its gauges go back to 0. Templates have a bound. */
export class SeriesTable {
  readonly #byTemplate = new Map<string, Series[]>();

  of(template: string, kind: string, module: string | undefined): Series {
    let all = this.#byTemplate.get(template);
    if (all === undefined) this.#byTemplate.set(template, (all = []));
    let series = all.find(({ attributes }) => attributes[A.kind] === kind && attributes[A.module] === module);
    if (series === undefined) {
      const attributes = {
        [A.template]: template,
        [A.kind]: kind,
        ...(module === undefined ? {} : { [A.module]: module }),
      };
      all.push((series = { attributes, waits: new Set(), holds: new Set() }));
    }
    return series;
  }

  *[Symbol.iterator](): IterableIterator<Series> {
    for (const all of this.#byTemplate.values()) yield* all;
  }
}

/** The age of the oldest entry, in seconds. 0 if there is none. */
export function oldest(entries: ReadonlySet<Since>): number {
  for (const { at } of entries) return Math.max(0, performance.now() - at) / 1000;
  return 0;
}
