import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, concat, hex } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import { labPlan } from '../testing/secagg-lab.ts';
import { decodeCredential, encodeCredential } from './credential.ts';
import {
  decodeCertificate,
  decodeOutcome,
  decodeRoster,
  decodeSharers,
  decodeShares,
  decodeSurvivors,
  encodeCertificate,
  encodeOutcome,
  encodeRoster,
  encodeSharers,
  encodeShares,
} from './down-messages.ts';
import { decodeHeader, encodeHeader, type RosterHeader } from './header.ts';
import { decodePlan, encodePlan, type Plan } from './plan.ts';
import { decodePlanKeyCertificate } from './plan-key.ts';
import { decodeAdvertisement, encodeAdvertisement, encodeLeaf } from './roster.ts';
import { encodeBitmap } from './survivors.ts';
import {
  decodeAcknowledgement,
  decodeCertification,
  decodeDeal,
  decodeMaskedInput,
  decodeSharePair,
  decodeUnmasking,
  encodeAcknowledgement,
  encodeDeal,
  encodeMaskedInput,
  encodeReveals,
  encodeSharePair,
  encodeUnmasking,
  type Reveal,
  revealAt,
} from './up-messages.ts';

const filled = (length: number, value: number): Bytes => bytes(length).fill(value);
const devices = 11;
const neighbours = 6;
const dimension = 5;

const plan: Plan = {
  ...labPlan,
  round: 0x0102030405060708n,
  openedAt: 0x0a0b0c,
  limits: { advertiseMs: 1, dealMs: 2, acknowledgeMs: 3, maskedInputMs: 4, certifyMs: 5, unmaskMs: 6 },
  broadcastHash: filled(32, 0xb1),
  algorithmHash: filled(32, 0xb2),
  policyHash: filled(32, 0xb3),
  logHead: filled(32, 0xb4),
  logSize: 7n,
  dimension: 0x01020304,
  mechanism: 'distributed',
  segmentCount: 9,
  inverseGrid: 10,
  noiseNumerator: 11,
  noiseDenominator: 12,
  sensitivitySquared: 13n,
  corruptBasisPoints: 1000,
  dropoutBasisPoints: 3000,
  sigma: 80,
  eta: 30,
  minDevices: 32,
  maxDevices: 256,
  floor: 33,
};

const header: RosterHeader = {
  planHash: filled(32, 0xc1),
  cohort: 1,
  cohortCount: 2,
  roundDevices: 3,
  roundRoot: filled(32, 0xc2),
  devices: 4,
  neighbours: 5,
  threshold: 6,
  windowSurvivors: 7,
  committee: 8,
  committeeThreshold: 9,
  minSurvivors: 10,
  noiseVariance: 11n,
  rosterRoot: filled(32, 0xc3),
};

const leaf = {
  deviceId: filled(16, 1),
  identityKey: filled(32, 2),
  channelKey: filled(32, 3),
  maskKey: filled(32, 4),
  commitment: filled(32, 5),
};
const advertisement = {
  leaf,
  leafBytes: encodeLeaf(leaf),
  signature: filled(64, 6),
  credential: encodeCredential({ day: 7, signature: filled(64, 8) }),
};
const pair = {
  dealer: 1,
  holder: 2,
  maskKey: { share: filled(32, 3), salt: filled(16, 4) },
  selfMask: { share: filled(32, 5), salt: filled(16, 6) },
};
const reveals: readonly Reveal[] = [
  { about: 'nothing' },
  { about: 'mask-key', ...pair.maskKey },
  { about: 'self-mask', ...pair.selfMask },
  { about: 'false-tag' },
  { about: 'bad-share' },
  { about: 'bad-share' },
];
const bitmap = encodeBitmap([0, 2, 10], devices);
const evidence = [
  { place: 2, ciphertextsHash: filled(32, 1), shareHashesHash: filled(32, 2), signature: filled(64, 3) },
];
const deal = { ciphertexts: filled(120, 1), shareHashes: concat(filled(32, 2), filled(32, 3)) };
const dealt = { deal, index: 0 };
const certificate = {
  maskersBitmap: bitmap,
  survivorsBitmap: encodeBitmap([0, 2], devices),
  signatures: [
    { place: 1, signature: filled(64, 1) },
    { place: 4, signature: filled(64, 2) },
  ],
  tags: [filled(16, 3)],
};

type Decoder = {
  readonly text: Bytes;
  readonly decode: (text: Uint8Array) => unknown;
  /** How many bytes may be missing at the end: whole items of a list. Longest text first. */
  readonly wholeItems?: readonly number[];
};

/** Every decoder, with one well-formed text. */
const decoders: Record<string, Decoder> = {
  plan: { text: encodePlan(plan), decode: decodePlan },
  header: { text: encodeHeader(header), decode: decodeHeader },
  credential: { text: advertisement.credential, decode: decodeCredential },
  'plan-key certificate': {
    text: concat(bytes(32), bytes(8), bytes(8), bytes(2), Uint8Array.of(0, 0, 0, 1), bytes(16), bytes(64)),
    decode: decodePlanKeyCertificate,
  },
  advertisement: { text: encodeAdvertisement(advertisement), decode: decodeAdvertisement },
  deal: {
    text: encodeDeal({
      ciphertexts: filled(120 * neighbours, 1),
      shareHashes: filled(64 * neighbours, 2),
      signature: filled(64, 3),
    }),
    decode: (text) => decodeDeal(text, neighbours),
  },
  acknowledgement: {
    text: encodeAcknowledgement({ bitmap: encodeBitmap([1, 5], neighbours), signature: filled(64, 1) }),
    decode: (text) => decodeAcknowledgement(text, neighbours),
  },
  'masked input': {
    text: encodeMaskedInput({ vector: filled(4 * dimension, 1), tags: filled(32, 2), signature: filled(64, 3) }),
    decode: (text) => decodeMaskedInput(text, dimension, 2),
  },
  certification: { text: filled(64, 1), decode: decodeCertification },
  unmasking: {
    text: encodeUnmasking({ encoded: encodeReveals(reveals), signature: filled(64, 1) }),
    decode: (text) => decodeUnmasking(text, reveals.length),
  },
  roster: {
    text: encodeRoster({
      header: encodeHeader({ ...header, cohortCount: 1 }),
      headerSignature: filled(64, 1),
      roll: [],
      advertisements: [encodeAdvertisement(advertisement), encodeAdvertisement(advertisement)],
    }),
    decode: decodeRoster,
    wholeItems: [2 * 276, 276],
  },
  'roster with a roll': {
    text: encodeRoster({
      header: encodeHeader(header),
      headerSignature: filled(64, 1),
      roll: [filled(32, 2), filled(32, 3), filled(32, 4)],
      advertisements: [encodeAdvertisement(advertisement), encodeAdvertisement(advertisement)],
    }),
    decode: decodeRoster,
    wholeItems: [2 * 276, 276],
  },
  shares: {
    text: encodeShares(encodeBitmap([1, 3], neighbours), [dealt, dealt]),
    decode: (text) => decodeShares(text, neighbours),
  },
  sharers: {
    text: encodeSharers({ bitmap, evidence }),
    decode: (text) => decodeSharers(text, devices, neighbours),
    wholeItems: [132],
  },
  survivors: { text: bitmap, decode: (text) => decodeSurvivors(text, devices) },
  certificate: {
    text: encodeCertificate(certificate),
    decode: (text) => decodeCertificate(text, devices, neighbours),
    wholeItems: [16],
  },
  outcome: {
    text: encodeOutcome({ isCommitted: true, survivors: 8, isIncluded: false }),
    decode: decodeOutcome,
  },
};

/** Runs a decoder. @returns whether it took the text; anything but `invalid-input` is a failure */
function takes(decode: (text: Uint8Array) => unknown, text: Uint8Array): boolean {
  try {
    decode(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ChoraleError);
    expect((error as ChoraleError).code).toBe('invalid-input');
    return false;
  }
}

describe.each(Object.entries(decoders))('the decoder of %s', (_, { text, decode, wholeItems = [] }) => {
  it('takes a well-formed text', () => {
    expect(takes(decode, text)).toBe(true);
  });

  it('refuses every truncation and a byte too many', () => {
    const taken = Array.from(text.keys()).filter((length) => takes(decode, text.slice(0, length)));
    // A list without a count of its own may lose whole items; their number is checked against the cohort later.
    expect(taken.map((length) => text.length - length)).toEqual(wholeItems);
    expect(takes(decode, concat(text, bytes(1)))).toBe(false);
  });

  it('survives random and damaged bytes', () => {
    const damaged = fc
      .tuple(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => text.map((byte, i) => (i === at ? byte ^ by : byte)));
    const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), damaged), (value) => {
      takes(decode, value);
    });
    fc.assert(property, { numRuns: 300, seed: 1 });
  });

  it('refuses an oversized text', () => {
    expect(takes(decode, bytes(400_000).fill(0xff))).toBe(false);
    expect(takes(decode, concat(text, bytes(400_000)))).toBe(false);
  });
});

describe('what is encoded comes back', () => {
  it('for the plan and the header', () => {
    expect(decodePlan(encodePlan(plan))).toEqual(plan);
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
  });

  it('for advertisements and credentials', () => {
    expect(decodeAdvertisement(encodeAdvertisement(advertisement))).toEqual(advertisement);
    expect(decodeCredential(advertisement.credential)).toEqual({ day: 7, signature: filled(64, 8) });
  });

  it('for shares and reveals', () => {
    expect(decodeSharePair(encodeSharePair(pair))).toEqual(pair);
    expect(decodeSharePair(encodeSharePair(pair).slice(1))).toBeUndefined();
    const unmasking = decodeUnmasking(decoders.unmasking!.text, reveals.length);
    expect(reveals.map((_, index) => revealAt(unmasking, index))).toEqual(reveals);
    expect(decodeShares(decoders.shares!.text, neighbours).get(3)).toEqual({
      sealed: filled(120, 1),
      maskKeyHash: filled(32, 2),
      selfMaskHash: filled(32, 3),
    });
  });

  it('for survivor sets and certificates', () => {
    expect(decodeSharers(decoders.sharers!.text, devices, neighbours)).toEqual({
      maskers: new Set([0, 2, 10]),
      bitmap,
      evidence,
    });
    expect(decodeCertificate(decoders.certificate!.text, devices, neighbours)).toEqual({
      ...certificate,
      survivors: new Set([0, 2]),
    });
    expect(decodeSurvivors(bitmap, devices)).toEqual(new Set([0, 2, 10]));
  });

  it('for outcomes', () => {
    for (const outcome of [{ isCommitted: true, survivors: 8, isIncluded: true }, { isCommitted: false }] as const) {
      expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
    }
  });
});

describe('golden bytes', () => {
  it('of the plan', () => {
    const expected = [
      hex(new TextEncoder().encode('chorale/plan/v1\0')),
      '00010001',
      '07'.repeat(16),
      '0102030405060708',
      '00000000000a0b0c',
      '000000010000000200000003000000040000000500000006',
      'b1'.repeat(32),
      'b2'.repeat(32),
      'b3'.repeat(32),
      'b4'.repeat(32),
      '0000000000000007',
      '01020304',
      '20010000',
      '00000009',
      '0000000a',
      '0000000b0000000c',
      '000000000000000d',
      '03e80bb8',
      '501e0000',
      '000000200000010000000021',
      '00'.repeat(24),
    ];
    expect(hex(encodePlan(plan))).toBe(expected.join(''));
    expect(encodePlan(plan)).toHaveLength(288);
  });

  it('of the header', () => {
    const expected = [
      hex(new TextEncoder().encode('chorale/roster/v1\0')),
      'c1'.repeat(32),
      '000000010000000200000003',
      'c2'.repeat(32),
      '00000004000000050000000600000007',
      '00000008000000090000000a',
      '000000000000000b',
      'c3'.repeat(32),
      '00'.repeat(32),
    ];
    expect(hex(encodeHeader(header))).toBe(expected.join(''));
    expect(encodeHeader(header)).toHaveLength(194);
  });

  it('of a leaf', () => {
    const expected = ['01'.repeat(16), '02'.repeat(32), '03'.repeat(32), '04'.repeat(32), '05'.repeat(32)];
    expect(hex(encodeLeaf(leaf))).toBe(expected.join(''));
  });

  it('of reveals', () => {
    const nothing = '00'.repeat(48);
    const expected = [
      `00${nothing}`,
      `01${'03'.repeat(32)}${'04'.repeat(16)}`,
      `02${'05'.repeat(32)}${'06'.repeat(16)}`,
      `03${nothing}`,
      `04${nothing}`,
      `04${nothing}`,
    ];
    expect(hex(encodeReveals(reveals))).toBe(expected.join(''));
  });
});

describe('reserved fields', () => {
  it.each([218, 219, 250, 251, 264, 287])('of the plan must be zero: byte %i', (at) => {
    const used = encodePlan(plan);
    used[at] = 1;
    expect(takes(decodePlan, used)).toBe(false);
  });

  it.each([162, 193])('of the header must be zero: byte %i', (at) => {
    const used = encodeHeader(header);
    used[at] = 1;
    expect(takes(decodeHeader, used)).toBe(false);
  });

  it('of bitmaps must be zero', () => {
    expect(takes((text) => decodeSurvivors(text, devices), Uint8Array.of(0, 0b1000))).toBe(false);
  });

  it('of a reveal that holds no share must be zero', () => {
    const lying = encodeUnmasking({ encoded: encodeReveals([{ about: 'false-tag' }]), signature: bytes(64) });
    lying[5] = 1;
    expect(takes((text) => decodeUnmasking(text, 1), lying)).toBe(false);
  });
});

describe('a certificate', () => {
  it('is refused when one place signs twice', () => {
    const signature = filled(64, 1);
    const doubled = encodeCertificate({
      ...certificate,
      signatures: [
        { place: 4, signature },
        { place: 4, signature },
      ],
    });
    expect(takes((text) => decodeCertificate(text, devices, neighbours), doubled)).toBe(false);
  });
});
