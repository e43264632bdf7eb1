/** The names of the options of ioredis, and the name that a misspelt name probably stands for. */
import { closest } from '../../../core/options/option-checks.js';

/** Options of a `Redis` of version 5 or 6. A name that is not listed may belong to a newer version. */
export const IOREDIS_OPTIONS = names(`
  host port family path username password db tls keyPrefix connectionName
  sentinels name role sentinelUsername sentinelPassword sentinelTLS enableTLSForSentinelMode sentinelRetryStrategy
  sentinelReconnectStrategy sentinelCommandTimeout sentinelMaxConnections updateSentinels failoverDetector
  preferredSlaves natMap
  Connector lazyConnect noDelay keepAlive connectTimeout disconnectTimeout socketTimeout commandTimeout
  blockingTimeout blockingTimeoutGrace retryStrategy reconnectOnError maxRetriesPerRequest maxLoadingRetryTime
  enableOfflineQueue enableReadyCheck enableAutoPipelining autoPipeliningIgnoredCommands autoResubscribe
  autoResendUnfulfilledCommands readOnly stringNumbers protocol replyMapping monitor scripts himportFieldsets
  showFriendlyErrorStack disableClientInfo clientInfoTag offlineQueue commandQueue
`);

/** Options of the address of a Sentinel. */
export const SENTINEL_OPTIONS = names('host port family');

/** Options of `tls.connect`, and the option `profile` of ioredis. */
export const TLS_OPTIONS = names(`
  profile ca cert key pfx passphrase crl ciphers sigalgs ecdhCurve dhparam minDHSize minVersion maxVersion
  secureProtocol secureOptions secureContext honorCipherOrder rejectUnauthorized checkServerIdentity servername
  ALPNProtocols pskCallback session sessionTimeout sessionIdContext ticketKeys requestOCSP requestCert enableTrace
  SNICallback allowPartialTrustChain clientCertEngine privateKeyEngine privateKeyIdentifier isServer server
  host port path socket family hints lookup localAddress localPort timeout signal noDelay keepAlive
  keepAliveInitialDelay allowHalfOpen highWaterMark onread blockList autoSelectFamily
  autoSelectFamilyAttemptTimeout
`);

/**
 * Finds the known name that differs from an unknown name by upper and lower case, by `_` or `-`, or by one or two
 * letters.
 * @returns undefined for a known name, and for a name that is not close to a known name.
 */
export function nearMiss(name: string, known: readonly string[]): string | undefined {
  if (known.includes(name)) return undefined;
  const plain = name.replace(/[_-]/g, '');
  return closest(plain, known, plain.length <= 5 ? 1 : 2);
}

function names(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}
