/**
 * CDNOW master: every purchase until 1998-06-30 of 23,570 people who first bought at an online music shop in the first
 * quarter of 1997 (P. Fader, B. Hardie, Interfaces 31(3), 2001). A public research file without a formal licence.
 */

import { ChoraleError } from '@chorale/shared';
import { type Customer, CustomersBuilder } from './dataset.ts';

export const cdnowSha256 = '61fd6f7bf3497187a7ec0d9ff6a99b7568f1fe911a9f3665e02efecd6b34ed07';

/** Fixed columns: customer, yyyymmdd, number of CDs, dollars. */
const line = /^ (\d{5}) (\d{4})(\d\d)(\d\d) ([ \d]\d) ([ \d]{3}\d\.\d\d)\r?$/;

/**
 * One order per line, at midnight UTC of its day: the file knows neither hours nor order numbers.
 *
 * @param text the uncompressed file
 * @throws ChoraleError `invalid-input`, naming the first malformed line
 */
export function parseCdnow(text: string): Customer[] {
  const customers = new CustomersBuilder();
  text
    .trimEnd()
    .split('\n')
    .forEach((row, index) => {
      const fields = line.exec(row);
      const at = fields === null ? Number.NaN : Date.parse(`${fields[2]}-${fields[3]}-${fields[4]}`);
      if (fields === null || Number.isNaN(at))
        throw new ChoraleError('invalid-input', `cdnow, line ${index + 1}: malformed`);
      const [customer, quantity, revenue] = [fields[1]!, Number(fields[5]), Number(fields[6])];
      customers.add(customer, {
        at,
        tzOffsetMinutes: 0,
        name: 'Order Completed',
        properties: {
          order_id: `line ${index + 1}`,
          revenue,
          products: [{ product_id: 'cd', quantity, price: quantity > 0 ? revenue / quantity : 0 }],
        },
      });
    });
  return customers.build();
}
