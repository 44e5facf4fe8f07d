/**
 * The consent behind a round: a Merkle tree (RFC 6962) over the receipts on which its survivors' vectors were taken. The
 * transcript and the model's card carry its root, so that nobody can later say that other people had agreed.
 */

import { type Bytes, ChoraleError, type DeviceId, fromHex, hex, type RoundId, type StoreWrite } from '@chorale/shared';
import { inclusionPath, leafHash, merkleRoot } from '@chorale/shared/secagg';
import { type ReceiptInclusionView, sha256Field, survivorsIn, type TranscriptView } from '@chorale/shared/wire';
import * as z from 'zod';
import type { Ports } from '../ports.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord, readRecord } from '../store/records.ts';

/** SHA-256 of each receipt, in the order of the transcript's cohorts and their survivors. */
const receiptLeaves = z.object({ receipts: z.array(sha256Field) });

/** @param receipts hashes of the receipts */
export function receiptsRoot(receipts: readonly Bytes[]): string {
  return hex(merkleRoot(receipts.map(leafHash)));
}

export function writesOfReceipts(round: RoundId, receipts: readonly Bytes[]): readonly StoreWrite[] {
  return [putRecord(storeKeys.receiptLeaves(round), { receipts: receipts.map(hex) })];
}

/**
 * Shows by which receipt a device took part.
 *
 * @throws ChoraleError `not-found` where its vector is not in the round's sum
 */
export async function receiptInclusion(
  { store }: Pick<Ports, 'store'>,
  transcript: TranscriptView,
  device: DeviceId,
): Promise<ReceiptInclusionView> {
  const { round } = transcript;
  const index = survivorsIn(transcript).indexOf(device);
  const found = await readRecord(store, storeKeys.receiptLeaves(round), receiptLeaves);
  const receipt = found?.receipts[index];
  if (found === undefined || receipt === undefined) {
    throw new ChoraleError('not-found', 'this device has no part in the sum of the round');
  }
  const leaves = found.receipts.map((one) => leafHash(fromHex(one)));
  return {
    ...{ round, device, receiptSha256: receipt, index, size: leaves.length },
    path: inclusionPath(leaves, index).map(hex),
    root: hex(merkleRoot(leaves)),
  };
}
