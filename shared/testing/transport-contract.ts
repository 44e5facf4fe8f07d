import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bytes, utf8 } from '../bytes.ts';
import type { Packet, Reply, Transport } from '../ports.ts';
import { seededRandom } from './seeded-random.ts';

/** The far side of one transport, led by the test. */
export type ScriptedServer = {
  /** Packets as they arrived, over all connections. */
  readonly received: readonly Packet[];
  /** Close reasons as the server saw them. */
  readonly closed: readonly string[];
  /** How packets are answered from now on; `{ ok: true }` at first. */
  answerWith(answer: (packet: Packet) => Reply | Promise<Reply>): void;
  /** Sends to the transport that is connected now. */
  push(packet: Packet): void;
  /** Ends the connection from the server's side. */
  drop(): void;
};

export type TransportLab = {
  readonly transport: Transport;
  readonly server: ScriptedServer;
  /** False while no server can be reached. */
  setReachable(isReachable: boolean): Promise<void>;
  close(): Promise<void>;
};

const ok: Reply = { ok: true };

/** What every `Transport` keeps. The suite opens one laboratory for each claim and connects it itself. */
export function transportContract(name: string, open: () => Promise<TransportLab>): void {
  describe(`${name} as a transport`, () => {
    let lab: TransportLab;
    let transport: Transport;
    let server: ScriptedServer;

    beforeEach(async () => {
      lab = await open();
      ({ transport, server } = lab);
    });

    afterEach(async () => {
      transport.close();
      await lab.close();
    });

    const eventually = (claim: () => void) => vi.waitFor(claim, { timeout: 5000, interval: 2 });
    const named = (packets: readonly Packet[]) => packets.map((packet) => packet.name);

    describe('sending', () => {
      beforeEach(() => transport.connect());

      it('carries the name, the header and the body', async () => {
        const body = Uint8Array.from({ length: 256 }, (_, i) => i);
        const header = { round: 7, nested: { list: [1, 'two', null, true] }, text: 'é😀' };
        expect(await transport.send({ name: 'check-in', header, body })).toEqual(ok);
        expect(server.received).toEqual([{ name: 'check-in', header, body }]);
      });

      it('tells a packet without a body from one with an empty body', async () => {
        await transport.send({ name: 'without', header: {} });
        await transport.send({ name: 'with', header: {}, body: new Uint8Array(0) });
        expect(server.received[0]).toEqual({ name: 'without', header: {} });
        expect(server.received[1]!.body).toEqual(new Uint8Array(0));
      });

      it('carries a body of 1 MB, byte for byte', async () => {
        const body = seededRandom('a long body').bytes(1_000_000);
        await transport.send({ name: 'masked-input', header: {}, body });
        expect(Buffer.compare(server.received[0]!.body!, body)).toBe(0);
      });

      it('carries exactly the view, not the memory around it', async () => {
        const memory = utf8('secret|public|secret');
        await transport.send({ name: 'view', header: {}, body: memory.subarray(7, 13) });
        const body = server.received[0]!.body!;
        expect(body).toEqual(utf8('public'));
        expect(body).toBeInstanceOf(Uint8Array);
      });

      it('sends the body as it was when send was called', async () => {
        const body = utf8('before');
        const sent = transport.send({ name: 'early', header: {}, body });
        body.fill(0);
        await sent;
        expect(server.received[0]!.body).toEqual(utf8('before'));
      });

      it('delivers in order', async () => {
        const names = Array.from({ length: 100 }, (_, i) => `packet-${i}`);
        await Promise.all(names.map((name, i) => transport.send({ name, header: {}, ...bodyForSome(i) })));
        expect(named(server.received)).toEqual(names);
      });

      it('gives every packet its own reply, whatever the order of the replies', async () => {
        const slow = gate();
        server.answerWith(async ({ name }) => {
          if (name === 'slow') await slow.opened;
          return name === 'refused' ? { ok: false, code: 'round-full', detail: 'come back', retryAfterMs: 5000 } : ok;
        });
        const first = transport.send({ name: 'slow', header: {} });
        const refused = await transport.send({ name: 'refused', header: {} });
        slow.open();
        expect(refused).toEqual({ ok: false, code: 'round-full', detail: 'come back', retryAfterMs: 5000 });
        expect(await first).toEqual(ok);
      });
    });

    describe('receiving', () => {
      it('hands on what the server pushes, in order, with bodies', async () => {
        const received: Packet[] = [];
        transport.onPacket((packet) => received.push(packet));
        await transport.connect();
        const packets = Array.from({ length: 50 }, (_, i) => ({ name: `push-${i}`, header: { i }, ...bodyForSome(i) }));
        for (const packet of packets) server.push(packet);
        await eventually(() => expect(received).toHaveLength(50));
        expect(received).toEqual(packets);
        expect(received.every(({ body }) => body === undefined || body.constructor === Uint8Array)).toBe(true);
      });

      it('stops telling a listener that unsubscribed, and no other', async () => {
        const [left, stayed]: [string[], string[]] = [[], []];
        const unsubscribe = transport.onPacket((packet) => left.push(packet.name));
        transport.onPacket((packet) => stayed.push(packet.name));
        await transport.connect();
        server.push({ name: 'one', header: {} });
        await eventually(() => expect(stayed).toEqual(['one']));
        unsubscribe();
        server.push({ name: 'two', header: {} });
        await eventually(() => expect(stayed).toEqual(['one', 'two']));
        expect(left).toEqual(['one']);
      });
    });

    describe('closing', () => {
      it('by the server is told once, with a reason', async () => {
        const reasons = listenForClose();
        await transport.connect();
        server.drop();
        await eventually(() => expect(reasons).toHaveLength(1));
        transport.close();
        expect(reasons).toEqual([expect.stringMatching(/./)]);
      });

      it('by the device is told once on either side', async () => {
        const reasons = listenForClose();
        await transport.connect();
        transport.close();
        transport.close();
        await eventually(() => expect(server.closed).toHaveLength(1));
        await eventually(() => expect(reasons).toHaveLength(1));
      });

      it('rejects the sends that wait for a reply', async () => {
        server.answerWith(() => new Promise(() => {}));
        await transport.connect();
        const waiting = transport.send({ name: 'waiting', header: {} });
        const rejected = expect(waiting).rejects.toBeInstanceOf(Error);
        await eventually(() => expect(server.received).toHaveLength(1));
        server.drop();
        await rejected;
      });

      it('rejects later sends, and nothing of them arrives', async () => {
        await transport.connect();
        transport.close();
        await expect(transport.send({ name: 'late', header: {} })).rejects.toBeInstanceOf(Error);
        await transport.connect();
        await transport.send({ name: 'after', header: {} });
        expect(named(server.received)).toEqual(['after']);
      });

      it('stops pushes from arriving', async () => {
        const received: Packet[] = [];
        transport.onPacket((packet) => received.push(packet));
        await transport.connect();
        server.push({ name: 'too late', header: {} });
        transport.close();
        await eventually(() => expect(server.closed).toHaveLength(1));
        expect(received).toEqual([]);
      });
    });

    describe('connecting', () => {
      it('comes before sending', async () => {
        await expect(transport.send({ name: 'early', header: {} })).rejects.toBeInstanceOf(Error);
        expect(server.received).toEqual([]);
      });

      it('rejects where no server can be reached, and works once it can', async () => {
        const reasons = listenForClose();
        await lab.setReachable(false);
        await expect(transport.connect()).rejects.toBeInstanceOf(Error);
        expect(reasons).toEqual([]);
        await lab.setReachable(true);
        await transport.connect();
        expect(await transport.send({ name: 'hello', header: {} })).toEqual(ok);
      });

      it('works again after a close, with the same listeners and no packet repeated', async () => {
        const reasons = listenForClose();
        const received: string[] = [];
        transport.onPacket((packet) => received.push(packet.name));
        await transport.connect();
        await transport.send({ name: 'first', header: {} });
        server.drop();
        await eventually(() => expect(reasons).toHaveLength(1));
        await transport.connect();
        await transport.send({ name: 'second', header: {} });
        server.push({ name: 'pushed', header: {} });
        await eventually(() => expect(received).toEqual(['pushed']));
        expect(named(server.received)).toEqual(['first', 'second']);
        transport.close();
        await eventually(() => expect(reasons).toHaveLength(2));
      });
    });

    function listenForClose(): readonly string[] {
      const reasons: string[] = [];
      transport.onClose((reason) => reasons.push(reason));
      return reasons;
    }
  });
}

function bodyForSome(i: number): { readonly body?: Bytes } {
  return i % 3 === 0 ? { body: utf8(`body ${i}`) } : {};
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
