/**
 * A coordinator in memory for the tests of this package: real keys, real signatures and the real secure-aggregation
 * machine, behind a `fetch` and a loopback server. Its answers can be bent by a test.
 */

import {
  type Bytes,
  base64url,
  bytes,
  ChoraleError,
  type Clock,
  type DeviceId,
  floatsToBytes,
  fromBase64url,
  fromHex,
  hex,
  type Instant,
  newId,
  type Packet,
  type Random,
  type Reply,
  type TaskId,
  utf8,
} from '@chorale/shared';
import { builtIn } from '@chorale/shared/algorithms';
import { policyVersion } from '@chorale/shared/consent';
import { type CryptoProvider, sha256 } from '@chorale/shared/crypto';
import { chooseEncoding, type Encoding, type NoiseMultiplier, noiseVariance } from '@chorale/shared/encoding';
import type { ModelSpec, Standardization } from '@chorale/shared/models';
import {
  type CohortOutcome,
  credentialText,
  deviceIdOf,
  encodeCredential,
  encodePlan,
  encodePlanKeyCertificate,
  type Plan,
  planKeyText,
  planText,
  type ServerEffect,
  type ServerOutcome,
  startServer,
  stepServer,
} from '@chorale/shared/secagg';
import { firstCohort } from '@chorale/shared/testing';
import {
  encodeBroadcast,
  encodePlanBundle,
  enrolmentKeyText,
  type ModelManifest,
  modelText,
  type NewConsent,
  type NewDevice,
  type PlanBundle,
  routes,
  type TaskView,
  toProblem,
} from '@chorale/shared/wire';

export type Ports = { readonly clock: Clock; readonly random: Random; readonly crypto: CryptoProvider };
type Key = { readonly secretKey: Bytes; readonly publicKey: Bytes };
type Keys = { readonly root: Key; readonly plan: Key; readonly enrolment: Key };
type Link = { readonly device: string; push(packet: Packet): void; close(reason: string): void };

export type TaskOptions = {
  readonly name?: string;
  readonly text?: string;
  readonly config?: unknown;
  /** z, where devices add noise. */
  readonly noise?: NoiseMultiplier;
};

/** What one device asks and answers, as the coordinator saw it. */
export type Heard = { readonly device: DeviceId; readonly packet: Packet };

export const bounds = { lower: [0, 0], upper: [10, 10] };

export class FakeCoordinator {
  /** Everything that came over sockets, in order. */
  readonly heard: Heard[] = [];
  /** Bodies of every HTTP request. */
  readonly requests: { readonly method: string; readonly path: string; readonly body: unknown }[] = [];
  readonly consents: NewConsent[] = [];
  /** Changes a plan before it is signed. */
  bendPlan: (plan: Plan) => Plan = (plan) => plan;
  /** Changes the plan by which a roster header is made, but not the plan that devices have. */
  bendHeader: (plan: Plan) => Plan = (plan) => plan;
  /** Changes a bundle after it is signed. */
  bendBundle: (bundle: PlanBundle) => PlanBundle = (bundle) => bundle;
  /** Answers a packet in the coordinator's place. */
  answer: (heard: Heard) => Reply | undefined = () => undefined;
  isReachable = true;
  /** By device: its newest connection. */
  readonly links = new Map<string, Link>();
  readonly #connections = new Set<Link>();
  readonly #ports: Ports;
  readonly #keys: Keys;
  #tasks: TaskView[] = [];
  readonly #configs = new Map<TaskId, unknown>();
  readonly #noise = new Map<TaskId, NoiseMultiplier>();
  readonly #devices = new Map<string, NewDevice>();
  readonly #waiting = new Set<DeviceId>();
  readonly #models = new Map<string, { manifest: ModelManifest; parameters: Bytes }>();
  readonly #rounds = new Map<TaskId, { receive: (from: string, packet: Packet) => Promise<Reply> }>();
  #lastRound = 0n;

  private constructor(ports: Ports, keys: Keys) {
    this.#ports = ports;
    this.#keys = keys;
  }

  static async open(ports: Ports): Promise<FakeCoordinator> {
    const secrets = [0, 1, 2].map(() => ports.random.bytes(32));
    const result = await ports.crypto.perform({ do: 'publicKeys', agreement: [], signing: secrets });
    if (result.did !== 'publicKeys') throw new Error('no keys');
    const [root, plan, enrolment] = secrets.map((secretKey, i) => ({ secretKey, publicKey: result.signing[i]! }));
    return new FakeCoordinator(ports, { root: root!, plan: plan!, enrolment: enrolment! });
  }

  get rootKey(): string {
    return base64url(this.#keys.root.publicKey);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get tasks(): readonly TaskView[] {
    return this.#tasks;
  }

  addTask({
    name = 'moments',
    text = 'We learn from sums.',
    config = { bounds, maxRows: 8 },
    noise,
  }: TaskOptions = {}): TaskId {
    const { clock, random } = this.#ports;
    const id = newId('task', clock.now(), random);
    const consentPolicy = { language: 'en', text, sha256: policyVersion({ language: 'en', text }) };
    this.#configs.set(id, config);
    if (noise !== undefined) this.#noise.set(id, noise);
    this.#tasks.push({
      id,
      name,
      purpose: 'training',
      algorithm: 'moments/1',
      examples: { source: 'pairs/1' },
      consentPolicy,
      privacy: { mechanism: 'none' },
      cohort: { size: 10, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
      merge: { rule: 'sum' },
      state: 'running',
      createdAt: new Date(clock.now()).toISOString(),
      roundsCommitted: 0,
      roundsAbandoned: 0,
    });
    return id;
  }

  changeTask(id: TaskId, change: Partial<TaskView>): void {
    this.#tasks = this.#tasks.map((task) => (task.id === id ? { ...task, ...change } : task));
  }

  async publishModel(id: TaskId, spec: ModelSpec, parameters: Float32Array, standardization?: Standardization) {
    const { clock, random } = this.#ports;
    const now = clock.now();
    const task = this.#tasks.find((one) => one.id === id)!;
    const value = floatsToBytes(parameters);
    const unsigned = {
      id: newId('model', now, random),
      task: id,
      version: this.#models.size + 1,
      createdAt: new Date(now).toISOString(),
      round: newId('round', now, random),
      spec,
      ...(standardization === undefined ? {} : { standardization }),
      examples: task.examples,
      parameterCount: parameters.length,
      parametersSha256: hex(sha256(value)),
      card: {
        privacy: { mechanism: 'none', contributors: 10, rounds: 1, smallestCohort: 10 } as const,
        consentPolicySha256: task.consentPolicy.sha256,
        receiptsRoot: '00'.repeat(32),
      },
    };
    const signature = base64url(await this.sign(this.#keys.plan, modelText(unsigned)));
    this.#models.set(unsigned.id, { manifest: { ...unsigned, signature }, parameters: value });
    this.changeTask(id, { latestModel: unsigned.id });
    return this.#models.get(unsigned.id)!;
  }

  async sign({ secretKey }: Key, text: Bytes): Promise<Bytes> {
    const result = await this.#ports.crypto.perform({ do: 'signMany', secretKey, messages: [text] });
    if (result.did !== 'signMany') throw new Error('no signature');
    return result.signatures[0]!;
  }

  // HTTP

  readonly fetch: typeof fetch = async (input, init) => {
    if (!this.isReachable) throw new TypeError('network');
    const { pathname } = new URL(String(input));
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    this.requests.push({ method: init?.method ?? 'GET', path: pathname, body });
    try {
      return await this.#serve(pathname, body);
    } catch (error) {
      const said = error instanceof ChoraleError ? error : new ChoraleError('internal', 'a defect of the fake');
      return Response.json(toProblem(said), { status: toProblem(said).status });
    }
  };

  async #serve(path: string, body: unknown): Promise<Response> {
    if (path === routes.keys) return Response.json(await this.#keysView());
    if (path === routes.tasks) return Response.json({ items: this.#tasks });
    if (path === routes.devices) return Response.json(await this.#enrol(body as NewDevice));
    if (path === routes.consents) {
      this.consents.push(body as NewConsent);
      return new Response(null, { status: 204 });
    }
    const model = this.#models.get(path.split('/').at(-1)!);
    if (model !== undefined) return Response.json(model.manifest);
    const named = [...this.#models.values()].find(
      ({ manifest }) => path === routes.parameters(manifest.parametersSha256),
    );
    if (named !== undefined) return new Response(named.parameters);
    throw new ChoraleError('not-found', 'nothing here');
  }

  async #certificate(): Promise<Bytes> {
    const now = this.#ports.clock.now();
    const claims = {
      key: this.#keys.plan.publicKey,
      notBefore: now - 1000,
      notAfter: now + 1e9,
      epoch: 0,
      tasks: this.#tasks.map(({ id }) => id),
    };
    return encodePlanKeyCertificate({ ...claims, signature: await this.sign(this.#keys.root, planKeyText(claims)) });
  }

  async #keysView() {
    const { root, enrolment } = this.#keys;
    return {
      rootKey: base64url(root.publicKey),
      planKeyCertificate: base64url(await this.#certificate()),
      enrolmentKey: base64url(enrolment.publicKey),
      enrolmentKeySignature: base64url(await this.sign(root, enrolmentKeyText(enrolment.publicKey))),
    };
  }

  async #enrol(asked: NewDevice) {
    const { task, identityKey: key } = asked;
    const identityKey = fromBase64url(key);
    const deviceId = deviceIdOf(task, identityKey);
    this.#devices.set(base64url(deviceId), asked);
    const day = 19_000;
    const signature = await this.sign(this.#keys.enrolment, credentialText({ task, deviceId, identityKey }, day));
    return { device: base64url(deviceId), task, credential: base64url(encodeCredential({ day, signature })) };
  }

  // Sockets

  readonly server = {
    connect: (link: Link) => {
      if (!this.isReachable) throw new Error('unreachable');
      this.links.set(link.device, link);
      this.#connections.add(link);
      link.push({ name: 'challenge', header: { nonce: base64url(this.#ports.random.bytes(32)) } });
      return {
        onPacket: (packet: Packet) => this.#hear(link, packet),
        onClose: () => void this.#connections.delete(link),
      };
    },
  };

  push(packet: Packet): void {
    for (const link of this.links.values()) link.push(packet);
  }

  async #hear(link: Link, packet: Packet): Promise<Reply> {
    const device = link.device as DeviceId;
    this.heard.push({ device, packet });
    const scripted = this.answer({ device, packet });
    if (scripted !== undefined) return scripted;
    if (packet.name === 'check-in') {
      this.#waiting.add(device);
      return { ok: true };
    }
    if (packet.name === 'withdraw') this.#waiting.delete(device);
    return (await this.#rounds.get(this.#taskOf(device))?.receive(device, packet)) ?? { ok: true };
  }

  // Rounds

  async planFor(task: TaskId, round: bigint): Promise<{ plan: Plan; bundle: PlanBundle; encoding: Encoding<string> }> {
    const view = this.#tasks.find(({ id }) => id === task)!;
    const broadcast = encodeBroadcast({ examples: view.examples, algorithm: this.#configs.get(task) });
    const noise = this.#noise.get(task);
    const request =
      noise && ({ mechanism: 'distributed', maxDevices, honestSurvivors: honestOf(maxDevices), noise } as const);
    const layout = builtIn.get('moments/1')!.layout(this.#configs.get(task));
    const encoding = chooseEncoding(layout, request ?? { mechanism: 'none', maxDevices });
    const plain = planOf({ view, round, broadcast, encoding, now: this.#ports.clock.now() });
    const plan = this.bendPlan(noise === undefined ? plain : noisyPlan(plain, noise));
    const planBytes = encodePlan(plan);
    const bundle = this.bendBundle({
      plan: planBytes,
      signature: await this.sign(this.#keys.plan, planText(planBytes)),
      planKeyCertificate: await this.#certificate(),
      broadcast,
    });
    return { plan, bundle, encoding };
  }

  #taskOf(device: DeviceId): TaskId {
    return this.#devices.get(device)!.task;
  }

  /** Invites everybody of the task who waits. @returns how the round ends for its one cohort */
  async openRound(task: TaskId, number = this.#lastRound + 1n): Promise<CohortOutcome> {
    return firstCohort(await this.openCohorts(task, 1, number));
  }

  /** The same with several cohorts. */
  async openCohorts(task: TaskId, cohorts: number, number = this.#lastRound + 1n): Promise<ServerOutcome> {
    this.#lastRound = number;
    const { plan, bundle, encoding } = await this.planFor(task, number);
    const invited = [...this.#waiting].filter((device) => this.#taskOf(device) === task);
    for (const device of invited) this.#waiting.delete(device);
    const { clock, crypto } = this.#ports;
    return new Promise((resolve, reject) => {
      const unanswered = new Map<string, (reply: Reply) => void>();
      let state: ReturnType<typeof startServer>[0];
      const perform = (effects: readonly ServerEffect[]) => {
        for (const effect of effects) {
          if (effect.do === 'send') this.#pushRound(effect.to, number, effect.message);
          if (effect.do === 'wake') clock.wakeAt(effect.at, () => step({ on: 'wake', now: clock.now() }));
          if (effect.do === 'answer') unanswered.get(effect.to)?.(effect.reply);
          if (effect.do === 'finish') resolve(effect.outcome);
          if (effect.do === 'compute') {
            const { id, job } = effect;
            crypto.perform(job).then((result) => step({ on: 'computed', now: clock.now(), id, result }), reject);
          }
        }
      };
      const step = (event: Parameters<typeof stepServer>[1]) => {
        const [next, effects] = stepServer(state, event);
        state = next;
        perform(effects);
      };
      const [first, effects] = startServer(
        {
          plan: this.bendHeader(plan),
          planBytes: bundle.plan,
          planSecretKey: this.#keys.plan.secretKey,
          enrolmentKey: this.#keys.enrolment.publicKey,
          invited,
          cohort: Math.ceil(invited.length / cohorts),
          cohorts,
          noiseVariance: ({ minSurvivors, corrupt }) => noiseOf(this.bendHeader(plan), minSurvivors - corrupt),
          amplitude: encoding.amplitude,
        },
        clock.now(),
      );
      state = first;
      this.#rounds.set(task, {
        receive: (from, { name, body = bytes(0) }) =>
          new Promise((answer) => {
            unanswered.set(from, answer);
            const message = { name, body } as Extract<Parameters<typeof stepServer>[1], { on: 'message' }>['message'];
            step({ on: 'message', now: clock.now(), from, message });
          }),
      });
      perform(effects);
      for (const device of invited) this.offer(device, number, encodePlanBundle(bundle));
    });
  }

  /** Sends a plan over every connection of the device, also of a second tab. */
  offer(device: string, number: bigint, bundle: Bytes): void {
    const header = { round: number.toString(), algorithm: 'moments/1' };
    for (const link of this.#connections) {
      if (link.device === device) link.push({ name: 'plan', header, body: bundle });
    }
  }

  #pushRound(device: string, number: bigint, { name, body }: { name: string; body: Bytes }): void {
    this.links.get(device)?.push({ name, header: { round: number.toString() }, body });
  }
}

type PlanRequest = {
  readonly view: TaskView;
  readonly round: bigint;
  readonly broadcast: Bytes;
  readonly encoding: Encoding<string>;
  readonly now: Instant;
};

export function planOf({ view, round, broadcast, encoding, now }: PlanRequest): Plan {
  return {
    task: view.id,
    round,
    openedAt: now,
    limits: {
      advertiseMs: 30_000,
      dealMs: 10_000,
      acknowledgeMs: 10_000,
      maskedInputMs: 30_000,
      certifyMs: 10_000,
      unmaskMs: 10_000,
    },
    broadcastHash: sha256(broadcast),
    algorithmHash: sha256(utf8(view.algorithm)),
    policyHash: fromHex(view.consentPolicy.sha256),
    logHead: bytes(32),
    logSize: 0n,
    dimension: encoding.dimension,
    bits: 32,
    mechanism: 'none',
    segmentCount: encoding.layout.length,
    inverseGrid: encoding.inverseGrid,
    noiseNumerator: 0,
    noiseDenominator: 1,
    sensitivitySquared: encoding.sensitivitySquared,
    corruptBasisPoints: 1000,
    dropoutBasisPoints: 3000,
    sigma: 80,
    eta: 30,
    minDevices: 10,
    maxDevices,
    floor: 10,
  };
}

/** The largest cohort of the fake's plans. */
const maxDevices = 64;

/** h of a cohort without surprises: n − D − A. */
export function honestOf(devices: number): number {
  return devices - Math.floor(0.3 * devices) - Math.floor(0.1 * devices);
}

function noisyPlan(plan: Plan, { numerator, denominator }: NoiseMultiplier): Plan {
  return { ...plan, mechanism: 'distributed', noiseNumerator: numerator, noiseDenominator: denominator };
}

function noiseOf(plan: Plan, honestSurvivors: number): bigint {
  if (plan.mechanism !== 'distributed') return 0n;
  const noise = { numerator: plan.noiseNumerator, denominator: plan.noiseDenominator };
  return noiseVariance(plan, { noise, honestSurvivors });
}
