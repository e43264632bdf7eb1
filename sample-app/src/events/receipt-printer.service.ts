/** Prints receipts, on the few printers that the office has. */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';

/** How long a printer takes, in ms. */
const PRINTING = 50;

@Injectable()
export class ReceiptPrinter {
  /** A semaphore: three at a time, on all machines together. Who comes fourth waits for a printer. */
  @Locked('receipt-printers', { limit: 3 })
  async print(event: string, seat: number): Promise<string> {
    await pause(PRINTING);
    return `${event}: seat ${seat}, paid\n`;
  }
}
