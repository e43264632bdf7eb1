/**
 * Sends HTTP exceptions to a WebSocket client, with the status. Without this filter, Nest sends "Internal server
 * error".
 */
import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';

@Catch(HttpException)
export class HttpErrorsFilter extends BaseWsExceptionFilter {
  override catch(error: HttpException, host: ArgumentsHost): void {
    const { message } = error;
    super.catch(new WsException({ status: 'error', statusCode: error.getStatus(), message }), host);
  }
}
