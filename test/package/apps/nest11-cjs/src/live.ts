/** Sends messages over TCP and ws by clients of its own, and prints their replies while the lock is busy. */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { LockModule, LockService, Locked, memoryStore } from 'nestjs-locked';
import { lastValueFrom } from 'rxjs';
import { WebSocket } from 'ws';

@Controller()
class Orders {
  @MessagePattern('pay')
  @Locked('order', { wait: 0 })
  async pay(): Promise<string> {
    return 'paid';
  }
}

@WebSocketGateway()
class Seats {
  @SubscribeMessage('take')
  @Locked('seat', { wait: 0 })
  async take(): Promise<{ event: string }> {
    return { event: 'taken' };
  }
}

@Module({
  imports: [LockModule.forRoot({ store: memoryStore() })],
  controllers: [Orders],
  providers: [Seats],
})
class LiveModule {}

async function run(): Promise<void> {
  const app = await NestFactory.create(LiveModule, { logger: ['error'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  const port = Number(process.env.TCP_PORT);
  app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  const held = await app.get(LockService).acquire(['order', 'seat']);

  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  });
  const rpc: unknown = await lastValueFrom(client.send('pay', {})).catch((error: unknown) => error);
  client.close();

  const socket = new WebSocket((await app.getUrl()).replace('http', 'ws'));
  socket.on('open', () => socket.send(JSON.stringify({ event: 'take', data: {} })));
  const ws = await new Promise<unknown>((resolve) =>
    socket.on('message', (text: Buffer) => resolve(JSON.parse(text.toString()))),
  );
  socket.terminate();

  await held.release();
  await app.close();
  console.log(JSON.stringify({ rpc, ws }));
}

setTimeout(() => {
  console.error('A client has no answer.');
  process.exit(1);
}, 30_000).unref();
void run();
