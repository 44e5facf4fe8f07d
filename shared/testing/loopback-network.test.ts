import { describe, expect, it } from 'vitest';
import type { Packet, Reply } from '../ports.ts';
import type { LinkFaults } from './link-faults.ts';
import { loopbackNetwork } from './loopback-network.ts';
import type { LoopbackServer, ServerLink } from './loopback-server.ts';
import { seededRandom } from './seeded-random.ts';
import { transportContract } from './transport-contract.ts';
import { virtualClock } from './virtual-clock.ts';

transportContract('the loopback network', async () => {
  const { network, received, closed, links, answers } = lab();
  return {
    transport: network.transport('device'),
    server: {
      received,
      closed,
      answerWith: (answer) => answers.push(answer),
      push: (packet) => links.at(-1)!.push(packet),
      drop: () => links.at(-1)!.close('closed by the server'),
    },
    setReachable: async (isReachable) => (isReachable ? network.heal('device') : network.partition('device')),
    close: async () => {},
  };
});

describe('delays', () => {
  const delayed = { delayMs: { min: 10, max: 50 } };

  it('keep the order of one device and take the time they say', async () => {
    const { clock, network, received } = lab(delayed);
    const transport = network.transport('device');
    await clock.run(transport.connect());
    const start = clock.now();
    const sent = Array.from({ length: 50 }, (_, i) => transport.send(packet(`p${i}`)));
    await clock.advance(9);
    expect(received).toEqual([]);
    await clock.run(Promise.all(sent));
    expect(received.map(({ name }) => name)).toEqual(Array.from({ length: 50 }, (_, i) => `p${i}`));
    expect(clock.now() - start).toBeGreaterThanOrEqual(20);
    expect(clock.now() - start).toBeLessThanOrEqual(100);
  });

  it('let packets of an old connection arrive after the new one stands', async () => {
    const { clock, network, received, log } = lab({ delayMs: { min: 100, max: 100 } });
    const transport = network.transport('device');
    await clock.run(transport.connect());
    const lost = expect(transport.send(packet('old'))).rejects.toThrow('connection lost');
    network.setFaults({ delayMs: { min: 1, max: 1 } }, 'device');
    network.disconnect('device');
    await lost;
    await clock.run(transport.connect());
    await clock.run(transport.send(packet('new')));
    await clock.advance(1000);
    expect(received.map(({ name }) => name)).toEqual(['new', 'old']);
    expect(log).toEqual(['connect device', 'connect device', 'close connection lost']);
  });
});

describe('faults', () => {
  it('that lose packets lose about as many as they say, and the sender gives up in time', async () => {
    const { clock, network, received } = lab({ lossProbability: 0.2, answerTimeoutMs: 5000 });
    const transport = network.transport('device');
    await clock.run(transport.connect());
    const start = clock.now();
    const results = Promise.allSettled(Array.from({ length: 1000 }, (_, i) => transport.send(packet(`p${i}`))));
    const answered = (await clock.run(results)).filter(({ status }) => status === 'fulfilled');
    // Standard deviations 12.6 and 15.2: six of them.
    expect(Math.abs(received.length - 800)).toBeLessThan(76);
    expect(Math.abs(answered.length - 640)).toBeLessThan(92);
    expect(clock.now() - start).toBe(5000);
  });

  it('that repeat packets deliver some twice, with one reply each for the sender', async () => {
    const { clock, network, received } = lab({ duplicateProbability: 0.5, delayMs: { min: 1, max: 20 } });
    const transport = network.transport('device');
    await clock.run(transport.connect());
    const names = Array.from({ length: 200 }, (_, i) => `p${i}`);
    const replies = await clock.run(Promise.all(names.map((name) => transport.send(packet(name)))));
    await clock.advance(100);
    expect(replies).toHaveLength(200);
    expect(received.length).toBeGreaterThan(240);
    expect(received.length).toBeLessThan(360);
    const firstTimes = received.filter(({ name }, i) => received.findIndex((other) => other.name === name) === i);
    expect(firstTimes.map(({ name }) => name)).toEqual(names);
    const arrived = received.map(({ name }) => name);
    expect(arrived).not.toEqual([...arrived].sort(byNumber));
  });

  it('that break links close both ends once', async () => {
    const { clock, network, log } = lab({ breakProbability: 1 });
    const transport = network.transport('device');
    const reasons: string[] = [];
    transport.onClose((reason) => reasons.push(reason));
    await clock.run(transport.connect());
    await expect(clock.run(transport.send(packet('p')))).rejects.toThrow('connection lost');
    await clock.settle();
    expect(reasons).toEqual(['connection lost']);
    expect(log).toEqual(['connect device', 'close connection lost']);
  });

  it('of one device are its own', async () => {
    const { clock, network } = lab();
    network.setFaults({ lossProbability: 1, answerTimeoutMs: 1000 }, 'unlucky');
    const [lucky, unlucky] = [network.transport('lucky'), network.transport('unlucky')];
    await clock.run(Promise.all([lucky.connect(), unlucky.connect()]));
    expect(await lucky.send(packet('p'))).toEqual({ ok: true });
    await expect(clock.run(unlucky.send(packet('p')))).rejects.toThrow('no answer in time');
  });

  it('are the same for the same seed, whatever other devices do', async () => {
    const run = async (isCrowded: boolean) => {
      const { clock, network, received } = lab({ lossProbability: 0.3, delayMs: { min: 0, max: 99 } });
      const device = network.transport('device');
      const other = network.transport('other');
      await clock.run(Promise.all([device.connect(), other.connect()]));
      const sent: Promise<unknown>[] = [];
      for (let i = 0; i < 50; i++) {
        if (isCrowded) sent.push(other.send({ name: 'crowd', header: {} }));
        sent.push(device.send(packet(`p${i}`)));
      }
      await clock.run(Promise.allSettled(sent));
      return received.map(({ name }) => name).filter((name) => name !== 'crowd');
    };
    const alone = await run(false);
    expect(alone.length).toBeLessThan(50);
    expect(await run(true)).toEqual(alone);
  });
});

describe('a partition', () => {
  it('that heals in time lets everything through, in order', async () => {
    const { clock, network, received, links } = lab();
    const transport = network.transport('device');
    const pushed: string[] = [];
    transport.onPacket(({ name }) => pushed.push(name));
    await clock.run(transport.connect());
    network.partition('device');
    const sent = Promise.all([transport.send(packet('a')), transport.send(packet('b'))]);
    links[0]!.push(packet('push'));
    await clock.advance(10_000);
    expect([received, pushed]).toEqual([[], []]);
    network.heal('device');
    expect(await clock.run(sent)).toHaveLength(2);
    expect(received.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(pushed).toEqual(['push']);
  });

  it('that lasts ends the connection at both ends', async () => {
    const { clock, network, log } = lab({ silenceMs: 15_000 });
    const transport = network.transport('device');
    const reasons: string[] = [];
    transport.onClose((reason) => reasons.push(reason));
    await clock.run(transport.connect());
    network.partition('device');
    await clock.advance(14_999);
    expect(reasons).toEqual([]);
    await clock.advance(1);
    expect(reasons).toEqual(['ping timeout']);
    expect(log).toEqual(['connect device', 'close ping timeout']);
    await expect(transport.connect()).rejects.toThrow('cannot be reached');
  });

  it.each([
    ['heals', 5_000, 'sent away'],
    ['lasts', 20_000, 'ping timeout'],
  ])('that %s does not hide for ever that the server has closed', async (_, lengthMs, reason) => {
    const { clock, network, links } = lab({ silenceMs: 15_000 });
    const transport = network.transport('device');
    const reasons: string[] = [];
    transport.onClose((said) => reasons.push(said));
    await clock.run(transport.connect());
    network.partition('device');
    links[0]!.close('sent away');
    await clock.advance(lengthMs);
    network.heal('device');
    await clock.settle();
    expect(reasons).toEqual([reason]);
  });
});

describe('the server', () => {
  it('may refuse a connection', async () => {
    const network = networkOf({
      connect: () => {
        throw new Error('upgrade-required');
      },
    });
    const transport = network.transport('device');
    const reasons: string[] = [];
    transport.onClose((reason) => reasons.push(reason));
    await expect(transport.connect()).rejects.toThrow('upgrade-required');
    await expect(transport.send(packet('p'))).rejects.toThrow('not connected');
    expect(reasons).toEqual([]);
  });

  it('may push while it accepts, and the device hears it once connected', async () => {
    const network = networkOf({
      connect: (link) => {
        link.push(packet('welcome'));
        return { onPacket: () => ({ ok: true }) };
      },
    });
    const transport = network.transport('device');
    const pushed: string[] = [];
    transport.onPacket(({ name }) => pushed.push(name));
    await transport.connect();
    await Promise.resolve();
    expect(pushed).toEqual(['welcome']);
  });

  it('that has a defect fails the send', async () => {
    const network = networkOf({
      connect: () => ({
        onPacket: () => {
          throw new Error('defect');
        },
      }),
    });
    const transport = network.transport('device');
    await transport.connect();
    await expect(transport.send(packet('p'))).rejects.toThrow('defect');
  });
});

function networkOf(server: LoopbackServer) {
  return loopbackNetwork({ clock: virtualClock(), random: seededRandom('network'), server });
}

function lab(faults: Partial<LinkFaults> = {}) {
  const clock = virtualClock();
  const received: Packet[] = [];
  const closed: string[] = [];
  const log: string[] = [];
  const links: ServerLink[] = [];
  const answers: ((packet: Packet) => Reply | Promise<Reply>)[] = [() => ({ ok: true })];
  const server: LoopbackServer = {
    connect(link) {
      links.push(link);
      log.push(`connect ${link.device}`);
      return {
        onPacket(arrived) {
          received.push(arrived);
          return answers.at(-1)!(arrived);
        },
        onClose(reason) {
          closed.push(reason);
          log.push(`close ${reason}`);
        },
      };
    },
  };
  const network = loopbackNetwork({ clock, random: seededRandom('network'), server, faults });
  return { clock, network, received, closed, log, links, answers };
}

function packet(name: string): Packet {
  return { name, header: {} };
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}
