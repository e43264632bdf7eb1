/** Starts the ticket office on the port that PORT names, 3000 by default. */
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { AppModule } from './app.module.js';
import { describeStorage, openStorage } from './storage/open-storage.js';

const logger = new Logger('TicketOffice');

try {
  const port = readPort(process.env.PORT);
  const storage = await openStorage(process.env);
  logger.log(describeStorage(storage));
  const app = await NestFactory.create(AppModule.on(storage));
  app.useWebSocketAdapter(new WsAdapter(app));
  // On SIGTERM and Ctrl-C, running sales finish and release their locks. A private server ends with this process.
  app.enableShutdownHooks([], { useProcessExit: true });
  await app.listen(port);
  logger.log(`The ticket office is open at ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
} catch (error) {
  logger.error(`The ticket office could not open: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

/** @returns the port. The storm sets PORT to 0, which stands for any free port. */
function readPort(value = '3000'): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new Error(`PORT is "${value}"; it must be a number from 0 to 65535.`);
}
