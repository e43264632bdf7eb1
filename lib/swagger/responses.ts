/** The replies of a handler, written as responses of OpenAPI 3. */
import { CODES, type DocumentedReply } from './lock-replies.js';

/** An operation of a document, with its extensions. */
export interface Operation {
  responses?: Record<string, unknown>;
  [extension: string]: unknown;
}

/** The name of the schema in the document. */
export const BODY_NAME = 'LockErrorResponse';

/** The body of each reply. */
export const BODY = {
  type: 'object',
  properties: {
    statusCode: { type: 'integer', description: 'The HTTP status.' },
    code: { type: 'string', enum: [...CODES], description: 'The reason, for programs.' },
    message: { type: 'string', description: 'The reason, for people.' },
  },
  required: ['statusCode', 'code', 'message'],
};

const RETRY_AFTER = {
  description: 'After how many seconds to try again, at least 1.',
  schema: { type: 'integer', minimum: 1 },
};

/** Adds one response for each status that the operation does not have yet. */
export function addResponses(operation: Operation, replies: readonly DocumentedReply[]): void {
  const responses = (operation.responses ??= {});
  const statuses = new Set(replies.map(({ status }) => status));
  for (const status of statuses) {
    responses[status] ??= responseOf(replies.filter((reply) => reply.status === status));
  }
}

/** @param replies the replies with one status, at least one. */
function responseOf(replies: readonly DocumentedReply[]): object {
  const examples = replies.map(({ status: statusCode, code, message }, at) => [
    at === 0 ? code : `${code} ${at + 1}`,
    { value: { statusCode, code, message } },
  ]);
  return {
    description: replies.map(({ codes, message }) => `${codes.join(', ')}: ${message}`).join('\n\n'),
    ...(replies.some(({ retryAfter }) => retryAfter !== undefined) && {
      headers: { 'Retry-After': RETRY_AFTER },
    }),
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${BODY_NAME}` },
        examples: Object.fromEntries(examples) as object,
      },
    },
  };
}
