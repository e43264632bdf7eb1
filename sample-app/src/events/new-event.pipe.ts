/** Checks the body of PUT /events/:id. */
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

export interface NewEvent {
  readonly capacity: number;
}

const LARGEST_CAPACITY = 1_000_000;

@Injectable()
export class NewEventPipe implements PipeTransform<unknown, NewEvent> {
  transform(body: unknown): NewEvent {
    const { capacity } = (body ?? {}) as { capacity?: unknown };
    if (Number.isInteger(capacity) && (capacity as number) >= 1 && (capacity as number) <= LARGEST_CAPACITY) {
      return { capacity: capacity as number };
    }
    throw new BadRequestException(`"capacity" must be a whole number from 1 to ${LARGEST_CAPACITY}.`);
  }
}
