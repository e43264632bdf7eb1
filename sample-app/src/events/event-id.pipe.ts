/** Checks an event's id: any text of at most 64 characters. `lockKey` and templates escape its special characters. */
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

const LONGEST_ID = 64;

@Injectable()
export class EventIdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (id.length <= LONGEST_ID) return id;
    throw new BadRequestException(`An event's id must have at most ${LONGEST_ID} characters.`);
  }
}
