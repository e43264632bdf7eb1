/** Tells a WebSocket's client what over HTTP would be a status. Nest tells it "Internal server error" otherwise. */
import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';

@Catch(HttpException)
export class HttpErrorsFilter extends BaseWsExceptionFilter {
  override catch(error: HttpException, host: ArgumentsHost): void {
    const { message } = error;
    super.catch(new WsException({ status: 'error', statusCode: error.getStatus(), message }), host);
  }
}
