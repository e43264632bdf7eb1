/** When LockModule installs its interceptor, which maps errors to replies. The replies are in http-errors.spec.ts. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type DynamicModule,
  forwardRef,
  Get,
  Inject,
  Injectable,
  Module,
  type Provider,
  UseGuards,
} from '@nestjs/common';
import { ApplicationConfig, ModuleRef, NestFactory } from '@nestjs/core';
import type { TestingModule } from '@nestjs/testing';
import { Locked, LockModule, LockService, getLockServiceToken, memoryStore } from 'nestjs-locked';
import { LockErrorInterceptor } from '../../lib/error-mapping/lock-error.interceptor.js';
import { endAfterTest, endAll, start } from '../support/module-apps.js';

afterEach(endAll);

@Controller()
class ByConstructor {
  constructor(readonly locks: LockService) {}
}

@Injectable()
class BySubclass extends ByConstructor {}

@Injectable()
class ByProperty {
  @Inject(LockService) readonly locks!: LockService;
}

@Injectable()
class ByDecorator {
  @Locked('k') async run(): Promise<void> {}
}

@Injectable()
class ByReference {
  constructor(@Inject(forwardRef(() => LockService)) readonly locks: unknown) {}
}

@Injectable()
class Guard implements CanActivate {
  constructor(readonly locks: LockService) {}

  canActivate(): boolean {
    return true;
  }
}

@Controller()
class Guarded {
  @Get() @UseGuards(Guard) get(): string {
    return 'passed';
  }
}

@Controller()
class Lookup {
  constructor(private readonly modules: ModuleRef) {}

  @Get() get(): Promise<string> {
    return this.modules.get(LockService, { strict: false }).using('k', { wait: 0 }, () => 'run');
  }
}

describe('the interceptor that maps errors', () => {
  const installed = (app: TestingModule) =>
    app
      .get(ApplicationConfig, { strict: false })
      .getGlobalInterceptors()
      .filter((each) => each instanceof LockErrorInterceptor).length;
  const module = (options: object) => LockModule.forRoot({ store: memoryStore(), ...options });

  const providing = (...providers: Provider[]): DynamicModule => ({ module: class Feature {}, providers });
  const user = providing({ provide: 'user', inject: [LockService], useFactory: () => 'one' });
  const userOf = (name: string) =>
    providing({ provide: 'user', inject: [getLockServiceToken(name)], useFactory: () => 'one' });

  it('given any number of modules, then it is installed once', async () => {
    expect(installed(await start(module({}), user))).toBe(1);
    const all = [module({ name: 'a' }), module({}), module({ name: 'b' })];
    expect(installed(await start(...all, userOf('b')))).toBe(1);
    expect(installed(await start(module({ name: 'a' }), module({ name: 'b' }), userOf('b')))).toBe(1);
  });

  it('given mapErrors: false, then it is not installed', async () => {
    expect(installed(await start(module({ mapErrors: false }), user))).toBe(0);
    expect(installed(await start(module({ mapErrors: false }), module({ name: 'a' }), user))).toBe(0);
  });

  it('given no class that injects a service, then no interceptor is installed', async () => {
    for (const imports of [[module({})], [module({ mapErrors: false }), user]]) {
      const config = (await start(...imports)).get(ApplicationConfig, { strict: false });
      expect(config.getGlobalInterceptors()).toEqual([]);
    }
  });

  it.each<[string, () => DynamicModule]>([
    ['a constructor', () => providing(ByConstructor)],
    ['a subclass', () => providing(BySubclass)],
    ['a property', () => providing(ByProperty)],
    ['@Locked', () => providing(ByDecorator)],
    ['a forward reference', () => providing(ByReference)],
    [
      'a factory with an optional dependency',
      () =>
        providing({ provide: 'x', inject: [{ token: LockService, optional: true }], useFactory: () => 'x' }),
    ],
    ['an alias', () => providing({ provide: 'locks', useExisting: LockService })],
    ['a controller', () => ({ module: class Feature {}, controllers: [ByConstructor] })],
    ['the guard of a handler', () => ({ module: class Feature {}, controllers: [Guarded] })],
  ])('given %s that injects the service, then it is installed', async (_way, making) => {
    expect(installed(await start(module({}), making()))).toBe(1);
  });

  it('given a service that is found by ModuleRef alone, then the filter maps the error', async () => {
    @Module({ imports: [module({})], controllers: [Lookup] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
    endAfterTest(() => app.close());
    await app.listen(0, '127.0.0.1');
    await using held = await app.get(LockService).acquire('k');
    const reply = await fetch(await app.getUrl());
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([423, expect.stringMatching(/^[1-9]/)]);
    expect(held.held).toBe(true);
  });

  it('given options on a module whose interceptor is not used, then the start fails unless they are equal', async () => {
    await expect(start(module({}), module({ name: 'a', http: { busyStatus: 409 } }))).rejects.toThrow(
      /"http.busyStatus" of the LockModule "a" would have no effect.*the unnamed LockModule/,
    );
    await expect(start(module({ name: 'a' }), module({ name: 'b', mapErrors: false }))).rejects.toThrow(
      /"mapErrors" of the LockModule "b".*the LockModule "a"/,
    );
    const http = { busyStatus: 409 };
    expect(installed(await start(module({ name: 'a', http }), module({ http }), user))).toBe(1);
    expect(installed(await start(module({ name: 'a' }), module({ http }), user))).toBe(1);
  });
});
