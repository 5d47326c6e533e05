const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new random id: 128 bits as 26 characters of lower-case Crockford base 32, as the server writes them. */
export function newId(random: (bytes: Uint8Array<ArrayBuffer>) => void = fill): string {
  const bytes = new Uint8Array(16);
  random(bytes);
  return encode(bytes);
}

/** Sixteen bytes, most significant first, as 26 characters; the first carries the upper 3 bits. */
export function encode(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = ALPHABET[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return text;
}

function fill(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes);
}
