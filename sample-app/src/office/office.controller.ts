/** GET /: a page on which a person sells 300 tickets, with and without the lock, and watches the locks. */
import { Controller, Get, Header, HttpCode, Post, Query } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LockSwitch, LockSwitchPipe } from '../events/lock-switch.pipe.js';
import { sendBuyers } from '../storm/buyers.js';
import { buyersWithoutSeat, seatsSoldTwice } from '../storm/outcome.js';
import { OFFICE_PAGE } from './office.page.js';

const BUYERS = 300;
const SEATS = 100;
/** In ms. */
const TIME_LIMIT = 30_000;

/** The outcome of a sale to 300 buyers at once. */
export interface Sale {
  readonly sold: number;
  readonly oversold: number;
  readonly seatsSoldTwice: number;
  readonly buyersWithoutSeat: number;
  readonly soldOut: number;
  readonly failed: number;
  readonly ms: number;
}

@Controller()
export class OfficeController {
  constructor(private readonly host: HttpAdapterHost) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('cache-control', 'no-store')
  page(): string {
    return OFFICE_PAGE;
  }

  /** Sends 300 buyers to this process at one moment, each with a request of its own. */
  @Post('sales')
  @HttpCode(200)
  async sell(@Query('lock', LockSwitchPipe) lock: LockSwitch): Promise<Sale> {
    const { port } = (this.host.httpAdapter.getHttpServer() as Server).address() as AddressInfo;
    const outcome = await sendBuyers({
      count: BUYERS,
      seats: SEATS,
      offices: [`http://127.0.0.1:${port}`],
      event: `show-lock-${lock}`,
      lock,
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    const { sold, oversold, soldOut, failures, ms } = outcome;
    return {
      sold,
      oversold,
      seatsSoldTwice: seatsSoldTwice(outcome),
      buyersWithoutSeat: buyersWithoutSeat(outcome),
      soldOut,
      failed: failures.length,
      ms,
    };
  }
}
