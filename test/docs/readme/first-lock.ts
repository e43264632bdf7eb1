import { Controller, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Locked, LockModule } from 'nestjs-locked';

@Controller('orders')
export class OrdersController {
  @Post(':id/pay')
  @Locked('order:{params.id}') // one payment of an order at a time
  async pay(@Param('id', ParseIntPipe) id: number) {
    return { paid: id };
  }
}

@Module({
  imports: [LockModule.forRoot({ redis: 'redis://localhost:6379' })],
  controllers: [OrdersController],
})
export class AppModule {}

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks(); // releases the locks when the process is told to stop
  await app.listen(3000);
}
void bootstrap();
