/** Checks an event's id: any text of at most 64 characters. `lockKey` and templates escape its special characters. */
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

const LONGEST = 64;

@Injectable()
export class EventIdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (id.length <= LONGEST) return id;
    throw new BadRequestException(`An event's id has at most ${LONGEST} characters.`);
  }
}
