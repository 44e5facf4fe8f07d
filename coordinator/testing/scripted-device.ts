/** A device for tests: the real secure-aggregation machine, driven by the shortest possible session. */

import {
  type Bytes,
  base64url,
  type Clock,
  type DeviceId,
  deviceIdFromBytes,
  fromBase64url,
  hex,
  newId,
  type Packet,
  type Reply,
  type Transport,
} from '@chorale/shared';
import { builtIn, type ClientTools } from '@chorale/shared/algorithms';
import { createReceipt, type Decision, type SignedReceipt, signingJob, withSignature } from '@chorale/shared/consent';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { type EncodedVector, encode, encodingOn, layoutUnder } from '@chorale/shared/encoding';
import {
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type ClientState,
  type DownMessage,
  decodePlan,
  decodePlanKeyCertificate,
  deviceIdOf,
  type Rho,
  resendClient,
  startClient,
  stepClient,
  trainingFloors,
} from '@chorale/shared/secagg';
import type { SeededRandom } from '@chorale/shared/testing';
import {
  challengeText,
  decodeBroadcast,
  decodePlanBundle,
  enrolmentText,
  type NewDevice,
  parseInput,
  type TaskView,
} from '@chorale/shared/wire';
import { sign } from '../auth/signatures.ts';

export type ScriptedDeviceOptions = {
  readonly task: TaskView;
  readonly enrolmentKey: Bytes;
  readonly examples: readonly unknown[];
  readonly clock: Clock;
  readonly crypto: CryptoProvider;
  readonly random: SeededRandom;
  /** How long its consent lasts; for ever unless said. */
  readonly expiresAfterMs?: number;
  /** Fetches a broadcast that did not fit the socket. */
  readonly fetchBroadcast?: (sha256: string) => Promise<Bytes>;
  /** Called before a message goes up; `false` swallows it. */
  readonly onSend?: (device: ScriptedDevice, name: string) => boolean;
};

/** Cohorts of tests are far below what people would be asked to trust. */
const testFloors = {
  ...trainingFloors,
  minCorruptBasisPoints: 0,
  maxDropoutBasisPoints: 9999,
  minSigma: 1,
  minCohort: 3,
  minHonest: 1,
};

/** Training as a test can predict it: every parameter moves by one tenth of the device's mean label. */
const tools = (random: SeededRandom): ClientTools => ({
  random,
  signal: new AbortController().signal,
  trainer: {
    backend: 'scripted',
    train: async (_spec, parameters, { labels, rowCount }) =>
      parameters.map((value) => value + labels.reduce((sum, label) => sum + label, 0) / (10 * rowCount)),
  },
});

export class ScriptedDevice {
  readonly id: DeviceId;
  readonly identityKey: Bytes;
  readonly replies: { readonly to: string; readonly reply: Reply }[] = [];
  readonly received: Packet[] = [];
  /** Names of the round messages that went up. */
  readonly sent: string[] = [];
  readonly outcomes: ClientOutcome[] = [];
  /** What this device gave, by round: to recompute a sum; and the same before its own noise. */
  readonly given = new Map<bigint, EncodedVector>();
  readonly bare = new Map<bigint, EncodedVector>();
  /** ρ that it charged itself, by round; undefined without noise. */
  readonly spent = new Map<bigint, Rho | undefined>();
  /** Its last receipt that grants. */
  granted: SignedReceipt | undefined;
  readonly #options: ScriptedDeviceOptions;
  readonly #secretKey: Bytes;
  #credential: Bytes | undefined;
  #transport: Transport | undefined;
  #state: ClientState | undefined;
  #round: bigint | undefined;
  #nonce: string | undefined;
  #decidedAt = 0;

  static async create(options: ScriptedDeviceOptions): Promise<ScriptedDevice> {
    const secretKey = options.random.bytes(32);
    const result = await options.crypto.perform({ do: 'publicKeys', agreement: [], signing: [secretKey] });
    if (result.did !== 'publicKeys') throw new Error('no public key');
    return new ScriptedDevice(options, secretKey, result.signing[0]!);
  }

  private constructor(options: ScriptedDeviceOptions, secretKey: Bytes, identityKey: Bytes) {
    this.#options = options;
    this.#secretKey = secretKey;
    this.identityKey = identityKey;
    this.id = deviceIdFromBytes(deviceIdOf(options.task.id, identityKey));
  }

  /** What `POST /devices` wants. */
  async enrolment(
    decision: Decision = 'granted',
    changes: Partial<TaskView['consentPolicy']> = {},
  ): Promise<NewDevice> {
    const task = this.#options.task.id;
    return {
      task,
      identityKey: base64url(this.identityKey),
      receipt: await this.receipt(decision, changes),
      proof: base64url(await sign(this.#options.crypto, this.#secretKey, enrolmentText(task, this.identityKey))),
    };
  }

  async receipt(decision: Decision, changes: Partial<TaskView['consentPolicy']> = {}): Promise<SignedReceipt> {
    const { task, clock, random, crypto, expiresAfterMs } = this.#options;
    const policy = { ...task.consentPolicy, ...changes };
    this.#decidedAt = Math.max(clock.now(), this.#decidedAt + 1);
    const receipt = createReceipt({
      ...{
        task: task.id,
        device: this.id,
        policy: { sha256: policy.sha256 },
        language: policy.language,
        method: 'choice',
      },
      id: newId('receipt', this.#decidedAt, random),
      decisions: { [task.purpose]: decision },
      decidedAt: this.#decidedAt,
      ...(expiresAfterMs === undefined ? {} : { expiresAt: this.#decidedAt + expiresAfterMs }),
    });
    const result = await crypto.perform(signingJob(receipt, this.#secretKey));
    if (result.did !== 'signMany') throw new Error('no signature');
    const signed = withSignature(receipt, result.signatures[0]!);
    if (decision === 'granted') this.granted = signed;
    return signed;
  }

  useCredential(credential: string): void {
    this.#credential = fromBase64url(credential);
  }

  async connect(transport: Transport): Promise<void> {
    this.#transport = transport;
    transport.onPacket((packet) => void this.#receive(packet));
    await transport.connect();
  }

  close(): void {
    this.#transport?.close();
  }

  /** The signature that answers the last challenge. */
  async proof(): Promise<string> {
    const message = challengeText(fromBase64url(this.#nonce!), deviceIdOf(this.#options.task.id, this.identityKey));
    return base64url(await sign(this.#options.crypto, this.#secretKey, message));
  }

  async checkIn(): Promise<Reply> {
    const last = this.#round === undefined ? {} : { lastRound: this.#round.toString() };
    return this.send({ name: 'check-in', header: { signature: await this.proof(), ...last } });
  }

  /** Sends the round's last message again, byte for byte. */
  resendLast(): void {
    if (this.#state) this.#perform(resendClient(this.#state));
  }

  get credential(): string {
    return base64url(this.#credential!);
  }

  async send(packet: Packet): Promise<Reply> {
    try {
      const reply = await this.#transport!.send(packet);
      this.replies.push({ to: packet.name, reply });
      return reply;
    } catch {
      return { ok: false, code: 'lost', detail: 'the connection closed' };
    }
  }

  async #receive(packet: Packet): Promise<void> {
    this.received.push(packet);
    const { name, header, body } = packet;
    if (name === 'challenge') {
      this.#nonce = (header as { nonce: string }).nonce;
      await (this.#state === undefined ? this.checkIn() : this.#resume());
    } else if (name === 'plan') await this.#enterRound(body!);
    else if (name === 'pace') {
      if ((header as { reason: string }).reason === 'round-over') await this.checkIn();
    } else if (body)
      this.#step({ on: 'message', from: 'coordinator', message: { name, body } as DownMessage, now: this.#now() });
  }

  async #resume(): Promise<void> {
    await this.send({ name: 'resume', header: { signature: await this.proof(), round: this.#round!.toString() } });
    this.resendLast();
  }

  async #enterRound(bundle: Bytes): Promise<void> {
    const { plan: planBytes, planKeyCertificate, broadcast } = decodePlanBundle(bundle);
    const { task, random, enrolmentKey, examples } = this.#options;
    const plan = decodePlan(planBytes);
    const algorithm = builtIn.get(task.algorithm)!;
    const asked = parseInput(
      algorithm.broadcast,
      decodeBroadcast(broadcast ?? (await this.#options.fetchBroadcast!(hex(plan.broadcastHash)))).algorithm,
      'broadcast',
    );
    const vectors = await algorithm.contribute(asked, examples, tools(random));
    const encoding = encodingOn(
      layoutUnder(plan.mechanism, algorithm.layout(asked)),
      plan.inverseGrid,
      plan.sensitivitySquared,
    );
    const label = `encoding ${plan.round}`;
    const encoded = (noiseVariance: bigint) => encode(vectors, encoding, { random: random.fork(label), noiseVariance });
    this.#round = plan.round;
    const setup = {
      ...{ plan, planBytes, enrolmentKey, floors: testFloors, credential: this.#credential! },
      planKey: decodePlanKeyCertificate(planKeyCertificate).key,
      identity: {
        secretKey: this.#secretKey,
        publicKey: this.identityKey,
        deviceId: deviceIdOf(task.id, this.identityKey),
      },
      seed: random.bytes(32),
      encode: (noiseVariance: bigint) => {
        const given = encoded(noiseVariance);
        this.bare.set(plan.round, encoded(0n));
        this.given.set(plan.round, given);
        return given;
      },
    };
    const [state, effects] = startClient(setup, this.#now());
    this.#state = state;
    this.#perform(effects);
  }

  #step(event: ClientEvent): void {
    if (this.#state === undefined) return;
    const [state, effects] = stepClient(this.#state, event);
    this.#state = state;
    this.#perform(effects);
  }

  #perform(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      if (effect.do === 'persist') {
        const { kind, round, rho } = effect.record;
        if (kind === 'spent') this.spent.set(round, rho);
        this.#step({ on: 'persisted', id: effect.id, now: this.#now() });
      } else if (effect.do === 'compute') void this.#compute(effect);
      else if (effect.do === 'send') void this.#send(effect.message);
      else if (effect.do === 'finish') {
        this.#state = undefined;
        this.outcomes.push(effect.outcome);
      }
    }
  }

  async #send(message: { readonly name: string; readonly body: Bytes }): Promise<void> {
    if (this.#options.onSend?.(this, message.name) === false) return;
    this.sent.push(message.name);
    await this.send({ ...message, header: { round: this.#round!.toString() } });
  }

  async #compute({ id, job }: Extract<ClientEffect, { do: 'compute' }>): Promise<void> {
    const result = await this.#options.crypto.perform(job);
    this.#step({ on: 'computed', id, result, now: this.#now() });
  }

  #now(): number {
    return this.#options.clock.now();
  }
}
