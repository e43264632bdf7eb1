// What the documentation uses of `@sentry/nestjs`, which knows Nest 8 to 11 and so is not installed beside Nest 12. The
// package check compiles and runs the same block against the real one.
declare module '@sentry/nestjs' {
  export function captureException(error: unknown): string;
}

declare module '@sentry/nestjs/setup' {
  import type { ArgumentsHost } from '@nestjs/common';
  import { BaseExceptionFilter } from '@nestjs/core';
  export class SentryGlobalFilter extends BaseExceptionFilter {
    override catch(exception: unknown, host: ArgumentsHost): void;
  }
}
