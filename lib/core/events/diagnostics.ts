/** The channels of `node:diagnostics_channel`. They cost nothing while they have no subscriber. */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { LockEvent, LockEventName } from './events.js';

const NAMES: readonly LockEventName[] = [
  'wait',
  'acquire',
  'release',
  'lost',
  'busy',
  'store-error',
  'long-hold',
  'force-release',
  'wait-failed',
];

const channels = Object.fromEntries(NAMES.map((name) => [name, channel(`nestjs-locked:${name}`)])) as Record<
  LockEventName,
  Channel
>;

/** Whether the channel of the event has a subscriber. Read before a payload is built. */
export function observed(name: LockEventName): boolean {
  return channels[name].hasSubscribers;
}

export function publish(event: LockEvent): void {
  channels[event.name].publish(event);
}
