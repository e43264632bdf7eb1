/** The hash slots of a Redis Cluster: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */

const SLOTS = 16_384;

let crcs: Uint16Array | undefined;

/** CRC16-CCITT (XMODEM): polynomial 0x1021, start 0. Only a Cluster needs the table. */
function crcTable(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    return crc & 0xffff;
  });
}

function crc16(bytes: Uint8Array): number {
  crcs ??= crcTable();
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (crcs[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

/** The slot of a key. If there is text between the first `{` and the next `}`, only that text is hashed. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  return crc16(Buffer.from(hashed)) % SLOTS;
}

let tags: string[] | undefined;

/** A short hash tag of the slot. The table of tags is built at the first use. */
export function tagOfSlot(slot: number): string {
  tags ??= buildTags();
  return tags[slot] ?? '';
}

function buildTags(): string[] {
  const found = new Array<string>(SLOTS);
  let missing = SLOTS;
  for (let n = 0; missing > 0; n += 1) {
    const tag = n.toString(36);
    const slot = slotOf(tag);
    if (found[slot] !== undefined) continue;
    found[slot] = tag;
    missing -= 1;
  }
  return found;
}
