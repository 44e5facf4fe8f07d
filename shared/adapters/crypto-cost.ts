import type { CryptoJob } from '../crypto/provider.ts';

/**
 * What a job costs on one core, in µs, to a factor of three or so: enough to tell which jobs are worth a thread.
 * The constants are those of a 2020s server core with native ciphers.
 */
export function costOf(job: CryptoJob): number {
  switch (job.do) {
    case 'publicKeys':
      return 60 * (job.agreement.length + job.signing.length);
    case 'agreeMany':
      return agreementMicros * job.publicKeys.length;
    case 'signMany':
      return 60 * job.messages.length;
    case 'verifyMany':
      return 120 * job.signatures.length;
    case 'sealMany':
      return total(job.boxes, ({ plain }) => 5 + plain.length / 100);
    case 'openMany':
      return total(job.boxes, ({ sealed }) => 5 + sealed.length / 100);
    case 'hashMany':
      return total(job.texts, (text) => 1 + text.length / 1000);
    case 'split':
      return 0.1 * job.secrets.length * job.points.length * job.threshold;
    case 'reconstruct':
      return total(job.secrets, ({ shares, threshold }) => 0.01 * shares.length * threshold);
    case 'mask':
      return maskCost(job);
  }
}

const agreementMicros = 80;

function maskCost({ vector, seeds, agreements }: Extract<CryptoJob, { do: 'mask' }>): number {
  const streamMicros = 10 + vector.byteLength / 1000;
  return (
    streamMicros * seeds.length + total(agreements, ({ peers }) => peers.length * (agreementMicros + streamMicros))
  );
}

function total<Item>(items: readonly Item[], cost: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + cost(item), 0);
}
