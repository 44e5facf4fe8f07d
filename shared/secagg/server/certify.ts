/** R3: send U2 and collect the committee's signatures over (U1, U2). */

import type { Bytes } from '../../bytes.ts';
import { certifyText, survivorsHash } from '../context.ts';
import { encodeBitmap } from '../survivors.ts';
import { decodeCertification } from '../up-messages.ts';
import type { Certified, Masking, Survival } from './knowledge.ts';
import { abandon, count, openTurn, type Run, type Step, verifyPlaces } from './run.ts';
import { openUnmask } from './unmask.ts';

export function openCertify(run: Run, masking: Masking, survival: Survival): Step {
  const { cohort } = run.members;
  const bitmap = encodeBitmap(survival.places, cohort.members.length);
  const h2 = survivorsHash(cohort.ctx, bitmap);
  return openTurn<Bytes>(run, {
    turn: 'certify',
    limitMs: run.setup.plan.limits.certifyMs,
    awaited: new Set([...cohort.committee].filter((place) => masking.places.has(place))),
    request: (place) => (masking.places.has(place) ? { name: 'survivors', body: bitmap } : undefined),
    decode: (_, body) => decodeCertification(body),
    close: (later, signatures) => verifyCommittee(later, masking, survival, { bitmap, h2 }, signatures),
  });
}

function verifyCommittee(
  run: Run,
  masking: Masking,
  survival: Survival,
  { bitmap, h2 }: Omit<Certified, 'signatures'>,
  signatures: ReadonlyMap<number, Bytes>,
): Step {
  const { ctx, header, committee } = run.members.cohort;
  const texts = new Map(
    [...signatures].map(([place, signature]) => [
      place,
      { message: certifyText({ ctx, place }, masking.h1, h2), signature },
    ]),
  );
  return verifyPlaces(run, texts, (later, valid) => {
    const awaited = [...committee].filter((place) => masking.places.has(place));
    const counted = count(later, 'certified', valid, awaited);
    if (valid.size < header.committeeThreshold) return abandon(counted, 'too-few-signatures');
    const good = [...valid].map((place) => ({ place, signature: signatures.get(place)! }));
    return openUnmask(counted, masking, survival, { bitmap, h2, signatures: good });
  });
}
