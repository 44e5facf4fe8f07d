/** A list that grows at its newest end and shares the rest: a later state adds to it, and an earlier one still has its own. */

export type Chain<Item> = { readonly item: Item; readonly older: Chain<Item> | undefined };

/** From the newest back, for as long as `goesOn` holds; at most so many. */
export function newest<Item>(
  chain: Chain<Item> | undefined,
  goesOn: (item: Item) => boolean,
  most = Number.POSITIVE_INFINITY,
): Item[] {
  const items: Item[] = [];
  for (let link = chain; link !== undefined && items.length < most && goesOn(link.item); link = link.older)
    items.push(link.item);
  return items;
}
