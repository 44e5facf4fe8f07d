/** Texts that are signed outside the secure-aggregation protocol, each under its own tag. */

import { type Bytes, concat, fromBase64url, tag, utf8 } from '../bytes.ts';
import { idToBytes, type TaskId } from '../ids.ts';
import type { ModelManifest } from './api.ts';

/** Proof that who enrols holds the identity key. */
export function enrolmentText(task: TaskId, identityKey: Uint8Array): Bytes {
  return concat(tag('chorale/enrol/v1'), idToBytes(task), identityKey);
}

/** The root key's word for the enrolment authority. */
export function enrolmentKeyText(enrolmentKey: Uint8Array): Bytes {
  return concat(tag('chorale/sign/enrolment-key/v1'), enrolmentKey);
}

/** What the plan key signs of a model: every field but the signature, as JSON with sorted keys. */
export function modelText(manifest: Omit<ModelManifest, 'signature'>): Bytes {
  const { signature: _, ...fields } = manifest as ModelManifest;
  return concat(tag('chorale/sign/model/v1'), utf8(canonicalJson(fields)));
}

/** JSON with object keys in code-unit order, no white space; undefined members are left out (RFC 8785 for our types). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}

/** A `Bytes` field of the wire, already checked by its schema. */
export function fieldBytes(text: string): Bytes {
  return fromBase64url(text);
}
