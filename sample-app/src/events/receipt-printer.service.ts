/** Prints receipts. The office has three printers. */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';

/** The time to print one receipt, in ms. */
const PRINTING_TIME = 50;

@Injectable()
export class ReceiptPrinter {
  /** A semaphore: three calls at a time, over all machines. A fourth call waits for a printer. */
  @Locked('receipt-printers', { limit: 3 })
  async print(event: string, seat: number): Promise<string> {
    await pause(PRINTING_TIME);
    return `${event}: seat ${seat}, paid\n`;
  }
}
