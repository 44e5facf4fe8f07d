/** Single signatures, through the provider that also does the rounds' batches. */

import { type Bytes, invariant } from '@chorale/shared';
import type { CryptoProvider, SignedText } from '@chorale/shared/crypto';

export async function sign(crypto: CryptoProvider, secretKey: Bytes, message: Bytes): Promise<Bytes> {
  const result = await crypto.perform({ do: 'signMany', secretKey, messages: [message] });
  invariant(result.did === 'signMany', 'a signature was asked for');
  return result.signatures[0]!;
}

export async function verify(crypto: CryptoProvider, text: SignedText): Promise<boolean> {
  const result = await crypto.perform({ do: 'verifyMany', signatures: [text] });
  return result.did === 'verifyMany' && result.valid[0] === true;
}

/** Public keys of Ed25519 secrets (32-byte seeds). */
export async function publicKeysOf(crypto: CryptoProvider, secretKeys: readonly Bytes[]): Promise<readonly Bytes[]> {
  const result = await crypto.perform({ do: 'publicKeys', agreement: [], signing: secretKeys });
  invariant(result.did === 'publicKeys', 'public keys were asked for');
  return result.signing;
}
