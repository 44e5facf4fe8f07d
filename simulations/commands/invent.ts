/** `lab invent`: a purchase log of people who do not exist, to try `lab simulate --data` on. */

import type { ChoraleEvent } from '@chorale/shared/features';
import type { Command } from 'commander';
import { writeNew } from '../adapters/report-files.ts';
import { syntheticCustomers } from '../population/synthetic.ts';
import { syntheticVisitors } from '../population/visits.ts';
import type { LabOutput } from './command.ts';
import { wholeNumber } from './privacy-options.ts';

type Options = { readonly customers: number; readonly seed: number; readonly visits?: true };

export function addInventCommand(lab: Command, output: LabOutput): void {
  lab
    .command('invent')
    .description('Write a purchase log of people who do not exist, with the columns id, date and amount.')
    .argument('<file>', 'a CSV file that is not there yet')
    .option('--customers <count>', 'how many people', wholeNumber, 600)
    .option('--seed <number>', 'the same seed invents the same people', wholeNumber, 1)
    .option('--visits', 'a log of all events instead: visits, views, carts and orders')
    .addHelpText('after', '\nExample: lab invent my.csv')
    .action(async (file: string, { customers, seed, visits }: Options) => {
      const people = visits ? syntheticVisitors({ seed, customers }) : syntheticCustomers({ seed, customers });
      const [heading, lineOf] = visits ? [eventHeading, eventLine] : ['id,date,amount', purchaseLine];
      const lines = people.flatMap(({ id, events }) => events.map((event) => lineOf(id, event)));
      await writeNew(file, `${heading}\n${lines.join('\n')}\n`);
      const what = visits ? 'events' : 'purchases and refunds';
      output.notice(`${file}: ${lines.length} ${what} of ${customers} people; nobody in it exists`);
      const last = visits ? '--event event' : '--value amount';
      output.notice(`npm run lab -- simulate --data ${file} --customer id --time date ${last}`);
    });
}

function purchaseLine(id: string, { at, name, properties }: ChoraleEvent): string {
  const sign = name === 'Order Refunded' ? -1 : 1;
  return `${id},${new Date(at).toISOString()},${(sign * Number(properties.revenue)).toFixed(2)}`;
}

const eventProperties = ['path', 'device_type', 'product_id', 'category', 'price', 'order_id', 'revenue'] as const;
const eventHeading = `id,date,event,${eventProperties.join(',')}`;

function eventLine(id: string, { at, name, properties }: ChoraleEvent): string {
  return [id, new Date(at).toISOString(), name, ...eventProperties.map((column) => properties[column] ?? '')].join(',');
}
