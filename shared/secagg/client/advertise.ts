/** R0: claim the round, make its keys, and advertise them. */

import { type Bytes, tag } from '../../bytes.ts';
import { hkdf } from '../../crypto/index.ts';
import { advertiseText, commitment } from '../context.ts';
import { encodeAdvertisement, encodeLeaf } from '../roster.ts';
import { compute, persist, type Round, type Secrets, type Step, say, sign } from './state.ts';

/** Between a device's R0 and the roster: a coordinator must not have time to grind rosters. */
export const maxRosterDelayMs = 60_000;

/** @param seed 32 bytes: forgotten when the secrets have been derived */
export function advertise(round: Round, seed: Bytes): Step {
  const secrets = deriveSecrets(seed, round.planHash);
  return persist(round, { kind: 'claimed' }, (later) => deriveKeys(later, secrets));
}

/** The plan's hash is the salt: even a seed used twice would not give one round's keys to another. */
function deriveSecrets(seed: Bytes, planHash: Bytes): Secrets {
  const derive = (name: string) => hkdf(seed, planHash, tag(`chorale/secagg/secret/${name}/v1`), 32);
  return {
    channel: derive('channel'),
    mask: derive('mask'),
    selfMask: derive('self-mask'),
    dealing: derive('dealing'),
  };
}

function deriveKeys(round: Round, secrets: Secrets): Step {
  const { identity } = round.device;
  return compute(
    round,
    { do: 'publicKeys', agreement: [secrets.channel, secrets.mask], signing: [] },
    (later, keys) => {
      const leaf = encodeLeaf({
        deviceId: identity.deviceId,
        identityKey: identity.publicKey,
        channelKey: keys.agreement[0]!,
        maskKey: keys.agreement[1]!,
        commitment: commitment(secrets.selfMask),
      });
      return signLeaf(later, secrets, leaf);
    },
  );
}

function signLeaf(round: Round, secrets: Secrets, leaf: Bytes): Step {
  return sign(round, advertiseText(round.planHash, leaf), (later, signature) => {
    const body = encodeAdvertisement({ leafBytes: leaf, signature, credential: later.device.credential });
    const deadline = later.now + maxRosterDelayMs;
    return say(later, { name: 'advertise', body }, { at: 'awaiting-roster', secrets, leaf, deadline });
  });
}
