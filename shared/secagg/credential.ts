/** Credential: the enrolment authority's word that an identity key belongs to a device of a task. */

import { type Bytes, concat, hex, tag, u32 } from '../bytes.ts';
import { type SignedText, sha256 } from '../crypto/index.ts';
import { idToBytes, type TaskId } from '../ids.ts';
import { Reader } from './reader.ts';

/** u32 day ‖ signature */
export const credentialBytes = 68;

export type Credential = {
  /** Whole days since 1970-01-01 UTC: selection prefers devices enrolled earlier. */
  readonly day: number;
  readonly signature: Bytes;
};

/** Whom a credential is about. */
export type CredentialSubject = {
  readonly task: TaskId;
  /** 16 bytes. */
  readonly deviceId: Bytes;
  /** Ed25519 public key. */
  readonly identityKey: Bytes;
};

/** A device's id within a task: it follows from the identity key, so nobody chooses it. */
export function deviceIdOf(task: TaskId, identityKey: Uint8Array): Bytes {
  return deviceIdsIn(task)(identityKey);
}

/** The same for the many keys of a roster. */
export function deviceIdsIn(task: TaskId): (identityKey: Uint8Array) => Bytes {
  const prefix = concat(tag('chorale/device/v1'), idToBytes(task));
  return (identityKey) => sha256(prefix, identityKey).slice(0, 16);
}

const credentialTag = tag('chorale/credential/v1');

/** What the enrolment authority signs. */
export function credentialText(subject: CredentialSubject, day: number): Bytes {
  const { task, deviceId, identityKey } = subject;
  return concat(credentialTag, idToBytes(task), deviceId, identityKey, u32(day));
}

export function encodeCredential(credential: Credential): Bytes {
  return concat(u32(credential.day), credential.signature);
}

/** @throws ChoraleError `invalid-input` unless there are 68 bytes */
export function decodeCredential(value: Uint8Array): Credential {
  const reader = new Reader(value, 'credential');
  const credential = { day: reader.u32(), signature: reader.take(64) };
  reader.end();
  return credential;
}

/** The signature to verify before the subject is believed. */
export function signedCredential(subject: CredentialSubject, credential: Bytes, enrolmentKey: Bytes): SignedText {
  const { day, signature } = decodeCredential(credential);
  return { publicKey: enrolmentKey, message: credentialText(subject, day), signature };
}

/** Names one exact credential under one authority, so that a device verifies it once and not every round. */
export function credentialName({ publicKey, message, signature }: SignedText): string {
  return hex(sha256(publicKey, message, signature));
}
