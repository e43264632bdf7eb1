/** Adds the answers of locks to an OpenAPI document. */
import type { INestApplicationContext } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { DECORATORS, type OpenAPIObject } from '@nestjs/swagger';
import { LockWiringError } from '../errors/index.js';
import { LockModuleRegistry } from '../module/lock-module.registry.js';
import type { ResolvedModuleOptions } from '../module/resolve-module-options.js';
import { type Controller, type DocumentedReply, repliesOf } from './lock-replies.js';
import { addResponses, BODY, BODY_NAME, type Operation } from './responses.js';

/** The extension that marks an operation while a document is made. */
const MARK = 'x-nestjs-locked';
const ROUTE = 'path';

/**
 * Makes an OpenAPI document in which the handlers with `@Locked` or `@ApiLocked()` have the answers of their locks:
 *
 * ```ts
 * const document = documentLocks(app, () => SwaggerModule.createDocument(app, config));
 * ```
 * - The status of a busy lock, with `Retry-After`: 423, or the `busyStatus` of the handler or of the module. It is left
 *   out with `onBusy`.
 * - 503 with `Retry-After`.
 * - 400 if the client sends a part of the key.
 *
 * A status that the document already has for a handler is not changed. With `mapErrors: false` nothing is added.
 *
 * @param create makes the document, synchronously.
 * @returns the document that `create` has made, with the answers.
 * @throws LockWiringError if the application has no LockModule.
 */
export function documentLocks<Document extends OpenAPIObject>(
  app: INestApplicationContext,
  create: () => Document,
): Document {
  const modules = app.get(ModulesContainer, { strict: false });
  const { mapErrors, busyStatus } = mappingOf(modules);
  if (!mapErrors) return create();
  const replies: DocumentedReply[][] = [];
  const unmark: Array<() => void> = [];
  try {
    for (const [handler, found] of lockedHandlers(modules, busyStatus)) {
      unmark.push(markHandler(handler, replies.push(found) - 1));
    }
    const document = create();
    addReplies(document, replies);
    return document;
  } finally {
    // In the reverse order, because two controllers may inherit one handler.
    for (const each of unmark.reverse()) each();
  }
}

/**
 * The options of the LockModule that maps the errors. They are read from the container, because `app.get()` ends the
 * process if there is no provider.
 */
function mappingOf(modules: ModulesContainer): ResolvedModuleOptions {
  const options = new LockModuleRegistry(modules, null).mappingOptions;
  if (options !== undefined) return options;
  throw new LockWiringError(
    'documentLocks() has found no LockModule in the application. Import LockModule.forRoot() in the root module.',
  );
}

/** The handlers of all controllers that have replies. */
function lockedHandlers(
  modules: ModulesContainer,
  busyStatus: number,
): Array<readonly [handler: object, replies: DocumentedReply[]]> {
  const scanner = new MetadataScanner();
  const controllers = [...modules.values()].flatMap((module) =>
    [...module.controllers.values()].map(({ metatype }) => metatype as Controller),
  );
  return controllers.flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    return scanner.getAllMethodNames(prototype).flatMap((method) => {
      const handler = prototype[method];
      if (!Reflect.hasMetadata(ROUTE, handler)) return [];
      const replies = repliesOf(controller, method, handler, busyStatus);
      return replies.length === 0 ? [] : [[handler, replies] as const];
    });
  });
}

/**
 * Nest's scanner copies the extensions of a handler to its operations, so each operation leads to its handler, whatever
 * its path and its id are.
 * @returns a function that removes the mark.
 */
function markHandler(handler: object, index: number): () => void {
  const before: unknown = Reflect.getOwnMetadata(DECORATORS.API_EXTENSION, handler);
  const inherited = Reflect.getMetadata(DECORATORS.API_EXTENSION, handler) as object | undefined;
  Reflect.defineMetadata(DECORATORS.API_EXTENSION, { ...inherited, [MARK]: index }, handler);
  return () => {
    if (before === undefined) Reflect.deleteMetadata(DECORATORS.API_EXTENSION, handler);
    else Reflect.defineMetadata(DECORATORS.API_EXTENSION, before, handler);
  };
}

function addReplies(document: OpenAPIObject, replies: readonly DocumentedReply[][]): void {
  let used = false;
  for (const item of Object.values({ ...document.paths, ...document.webhooks })) {
    for (const operation of Object.values(item) as Array<Operation | undefined>) {
      const index = operation?.[MARK];
      if (operation === undefined || typeof index !== 'number') continue;
      delete operation[MARK];
      addResponses(operation, replies[index]);
      used = true;
    }
  }
  if (!used) return;
  document.components = {
    ...document.components,
    schemas: { [BODY_NAME]: BODY, ...document.components?.schemas },
  };
}
