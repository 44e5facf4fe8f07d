/** Which text a person agreed to: a version is named by nothing but its own words. */

import { type Bytes, hex, utf8 } from '../bytes.ts';
import { sha256 } from '../crypto/hashing.ts';

/** One consent text as people read it, in one language. */
export type PolicyText = {
  /** A language tag such as `en` or `pt-BR` (BCP 47). */
  readonly language: string;
  readonly text: string;
};

/** SHA-256 of the exact text in UTF-8, as plans carry it. One changed character makes another policy. */
export function policyHash({ text }: PolicyText): Bytes {
  return sha256(utf8(text));
}

/** The same as lower-case hexadecimal, as receipts and the interface carry it. */
export function policyVersion(policy: PolicyText): string {
  return hex(policyHash(policy));
}
