/** The instruments, as docs/telemetry.md lists them. */
import type { BatchObservableCallback, Counter, Histogram, Meter } from '@opentelemetry/api';
import { oldest, type SeriesTable } from './series.js';
import { BUCKETS, METRICS as M } from './telemetry.names.js';

export interface Instruments {
  readonly acquireDuration: Histogram;
  readonly holdDuration: Histogram;
  readonly losses: Counter;
  readonly storeErrors: Counter;
  /** Makes the gauges report what the table has. @returns a function that ends this. */
  observe(table: SeriesTable): () => void;
}

export function instrumentsOf(meter: Meter): Instruments {
  const duration = (name: string, description: string): Histogram =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...BUCKETS] },
    });
  const gauges = {
    holdActive: meter.createObservableUpDownCounter(M.holdActive, {
      description: 'Locks that are held',
      unit: '{lock}',
    }),
    holdOldest: meter.createObservableGauge(M.holdOldest, {
      description: 'The age of the oldest lock that is held',
      unit: 's',
    }),
    waitActive: meter.createObservableUpDownCounter(M.waitActive, {
      description: 'Callers that wait for a lock',
      unit: '{caller}',
    }),
    waitOldest: meter.createObservableGauge(M.waitOldest, {
      description: 'For how long the oldest caller has waited',
      unit: 's',
    }),
  };
  const observables = Object.values(gauges);
  return {
    acquireDuration: duration(M.acquireDuration, 'From the call to the lock or to the refusal'),
    holdDuration: duration(M.holdDuration, 'From the lock to its release or loss'),
    losses: meter.createCounter(M.losses, { description: 'Locks that were lost', unit: '{loss}' }),
    storeErrors: meter.createCounter(M.storeErrors, {
      description: 'Failures of the store of locks',
      unit: '{error}',
    }),
    observe(table) {
      const report: BatchObservableCallback = (result) => {
        for (const { attributes, holds, waits } of table) {
          result.observe(gauges.holdActive, holds.size, attributes);
          result.observe(gauges.holdOldest, oldest(holds), attributes);
          result.observe(gauges.waitActive, waits.size, attributes);
          result.observe(gauges.waitOldest, oldest(waits), attributes);
        }
      };
      meter.addBatchObservableCallback(report, observables);
      return () => meter.removeBatchObservableCallback(report, observables);
    },
  };
}
