/** `?lock=off` sells without the lock. */
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

export type LockSwitch = 'on' | 'off';

@Injectable()
export class LockSwitchPipe implements PipeTransform<unknown, LockSwitch> {
  transform(value: unknown = 'on'): LockSwitch {
    if (value === 'on' || value === 'off') return value;
    throw new BadRequestException('"lock" must be "on" or "off".');
  }
}
