/** Checks the data of the message `group`, before the lock is acquired. The id is a part of the lock's key. */
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { EventIdPipe } from './event-id.pipe.js';

export interface Group {
  /** The id of the event. */
  readonly id: string;
  readonly size: number;
}

const LARGEST_GROUP = 10;

@Injectable()
export class GroupPipe implements PipeTransform<unknown, Group> {
  readonly #ids = new EventIdPipe();

  transform(data: unknown): Group {
    const { id, size } = (data ?? {}) as { id?: unknown; size?: unknown };
    if (typeof id !== 'string' || id === '')
      throw new BadRequestException('"id" must be the id of an event.');
    if (Number.isInteger(size) && (size as number) >= 1 && (size as number) <= LARGEST_GROUP) {
      return { id: this.#ids.transform(id), size: size as number };
    }
    throw new BadRequestException(`"size" must be a whole number from 1 to ${LARGEST_GROUP}.`);
  }
}
