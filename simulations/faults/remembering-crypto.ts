/**
 * Node's ciphers with a memory, for storms: in a world everybody lives in one process, where one device's work is done
 * again by its neighbours and by the coordinator. Results are the same bytes; only the time differs.
 */

import type { Bytes } from '@chorale/shared';
import { nodePrimitives } from '@chorale/shared/adapters/node';
import { type CryptoProvider, type Primitives, providerOf, type SignedText } from '@chorale/shared/crypto';

/**
 * @param primitives Node's own; others only to see what they are asked
 * @returns a provider that remembers what was done with it: take a new one for each world
 */
export function rememberingCrypto(primitives: typeof nodePrimitives = nodePrimitives): CryptoProvider {
  return providerOf(rememberingPrimitives(primitives));
}

function rememberingPrimitives(primitives: typeof nodePrimitives): Primitives {
  const agreementPairs = memory<AgreementPair>();
  const signingPairs = memory<SigningPair>();
  const agreements = memory<Bytes>();
  const verdicts = memory<boolean>();
  return {
    ...primitives,
    agreementPair: (secretKey) =>
      agreementPairs(nameOf(secretKey), () => agreementPair(primitives.agreementPair(secretKey), agreements)),
    signingPair: (seed) => signingPairs(nameOf(seed), () => signingPair(primitives.signingPair(seed), verdicts)),
    verify: (signed) => verdicts(nameOfSigned(signed), () => primitives.verify(signed)),
  };
}

type AgreementPair = ReturnType<typeof nodePrimitives.agreementPair>;
type SigningPair = ReturnType<typeof nodePrimitives.signingPair>;

/** Both ends of a pair come to one secret. */
function agreementPair(pair: AgreementPair, agreements: Memory<Bytes>): AgreementPair {
  const own = pair.publicKey();
  const name = nameOf(own);
  return {
    publicKey: () => own.slice(),
    agree: (peer) => {
      const ends = [name, nameOf(peer)].sort().join('');
      return agreements(ends, () => pair.agree(peer)).slice();
    },
  };
}

/** What is signed here need not be verified here. */
function signingPair(pair: SigningPair, verdicts: Memory<boolean>): SigningPair {
  const publicKey = pair.publicKey();
  return {
    publicKey: () => publicKey.slice(),
    sign: (message) => {
      const signature = pair.sign(message);
      verdicts(nameOfSigned({ publicKey, message, signature }), () => true);
      return signature;
    },
  };
}

/** The value of a name, found by work where it is not known yet. */
type Memory<Value> = (name: string, work: () => Value) => Value;

/** Then everything is forgotten: a storm may be long. */
const mostMemories = 1 << 17;

function memory<Value>(): Memory<Value> {
  const known = new Map<string, Value>();
  return (name, work) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size === mostMemories) known.clear();
    const value = work();
    known.set(name, value);
    return value;
  };
}

/** Keys and signatures have one length each, so that joined names are distinct where their parts are. */
function nameOfSigned({ publicKey, message, signature }: SignedText): string {
  return nameOf(publicKey) + nameOf(signature) + nameOf(message);
}

function nameOf(value: Bytes): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
}
