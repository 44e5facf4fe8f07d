/**
 * What each defence is worth: one small change takes it away, and the named tests must then fail. A test that passes all
 * the same would not notice if the defence were lost.
 */

export type Edit = {
  readonly file: string;
  /** A text that occurs exactly once in the file. */
  readonly replace: string;
  readonly by: string;
};

export type Mutation = {
  readonly attack: string;
  readonly defence: string;
  /** More than one where the same attack is stopped twice: with either defence alone it still fails. */
  readonly edits: readonly Edit[];
  /** At least one of the tests with these words in their names must fail. */
  readonly tests: readonly { readonly file: string; readonly name: string }[];
};

const secagg = (file: string) => `shared/secagg/${file}`;
const edit = (file: string, replace: string, by = ''): Edit => ({ file, replace, by });
const test = (file: string, name: string) => ({ file, name });
const survivors = (name: string) => test(secagg('survivor-attacks.test.ts'), name);
const forgeries = (name: string) => test(secagg('forgery-attacks.test.ts'), name);
const rosters = (name: string) => test(secagg('roster-attacks.test.ts'), name);
const draws = (name: string) => test(secagg('assignment-attacks.test.ts'), name);
const attacks = (name: string) => test(secagg('attacks.test.ts'), name);
const server = (name: string) => test(secagg('server.test.ts'), name);
const guard = (name: string) => test('client/session/guard.test.ts', name);

const ignoreRosterSignatures = edit(
  secagg('client/deal.ts'),
  "valid.every(Boolean) ? then(remember(later, credentials)) : refuse(later, 'bad-signature'),",
  'valid.length >= 0 ? then(remember(later, credentials)) : then(later),',
);
const ignoreDealEvidence = edit(
  secagg('client/masked-input.ts'),
  'if (unshown.length === 0) return then(round);',
  'if (unshown.length >= 0) return then(round);',
);

export const mutations: readonly Mutation[] = [
  {
    attack: 'a U1 of one device alone',
    defence: 'U1 and U2 hold at least minSurvivors',
    edits: [edit(secagg('roster.ts'), 'if (places.size < header.minSurvivors) return false;')],
    tests: [survivors('with nobody else in it'), survivors('of which the smaller is too small')],
  },
  {
    attack: 'a U1 that fills its windows with devices then declared dropped',
    defence: 'view tags',
    edits: [edit(secagg('client/unmask.ts'), "if (!equal(tag, expected)) return { about: 'false-tag' };")],
    tests: [survivors('only devices that are then declared dropped')],
  },
  {
    attack: 'another U1 for one device',
    defence: 'view tags',
    edits: [edit(secagg('client/unmask.ts'), "if (!equal(tag, expected)) return { about: 'false-tag' };")],
    tests: [attacks('nobody reveals a share of its self-mask')],
  },
  {
    attack: 'tags that are swapped or missing',
    defence: 'view tags',
    edits: [edit(secagg('client/unmask.ts'), "if (!equal(tag, expected)) return { about: 'false-tag' };")],
    tests: [
      attacks('with the tags of two devices exchanged'),
      survivors('open nobody, and the holder says so'),
      forgeries('open neither of the two, and so no sum'),
    ],
  },
  {
    attack: 'a second U1, or U2, that one device is shown',
    defence: 'the device stands where it is, and keeps the second as evidence',
    edits: [
      edit(
        secagg('client.ts'),
        'if (first) return [equal(first, hash) ? state : accuse(state, message), []];',
        'if (first && equal(first, hash)) return [state, []];',
      ),
    ],
    tests: [attacks('does not make a device mask twice'), attacks('a device signs one U2')],
  },
  {
    attack: 'dropped devices chosen to cut the graph',
    defence: 'the window check',
    edits: [
      edit(
        secagg('roster.ts'),
        'return weakestWindow(places, header.devices, header.neighbours) >= header.windowSurvivors;',
        'return weakestWindow(places, header.devices, header.neighbours) >= 0;',
      ),
    ],
    tests: [survivors('at R3, with n =')],
  },
  {
    attack: 'U2 that is no part of U1',
    defence: 'U2 ⊆ U1',
    edits: [
      edit(
        secagg('client/certify.ts'),
        '[...survivors].every((place) => maskers.places.has(place)) &&',
        'maskers.places.size > 0 &&',
      ),
    ],
    tests: [survivors('cannot be put into U2'), attacks('for a U2 that is too small or no part of U1')],
  },
  {
    attack: 'both secrets of one device: two certificates one after the other',
    defence: 'one certificate, one reveal',
    edits: [
      edit(secagg('client.ts'), 'if (first) return [equal(first, hash) ? state : accuse(state, message), []];'),
      edit(secagg('client/unmask.ts'), "at: 'awaiting-outcome',", "at: 'awaiting-survivors', holdings,"),
      edit(
        secagg('client/unmask.ts'),
        '          survivors: survivors.size,\n          isIncluded: survivors.has(place),\n',
      ),
    ],
    tests: [survivors('one after the other, with the first certificate taken back')],
  },
  {
    attack: 'another U2 at R4 than at R3',
    defence: 'the U2 that a device accepted is the one it opens',
    edits: [
      edit(
        secagg('client/unmask.ts'),
        "if (agreed && !equal(certificate.survivorsBitmap, agreed)) return refuse(round, 'bad-signature');",
      ),
    ],
    tests: [attacks('are not revealed by a device that accepted another U2')],
  },
  {
    attack: 'two survivor sets, two certificates',
    defence: 'T signatures with 2T > m + c_m',
    edits: [
      edit(
        secagg('client/unmask.ts'),
        'if (missing === 0) return then(round);',
        'if (missing >= 0) return then(round);',
      ),
    ],
    tests: [survivors('shown to the two halves of the committee'), attacks('T − 1 signatures')],
  },
  {
    attack: 'forged committee signatures',
    defence: 'each signature is verified over the very sets',
    edits: [edit(secagg('client/unmask.ts'), 'good.has(signed) && (good', 'votes.length > 0 && (good')],
    tests: [
      attacks('a forged signature among T'),
      attacks('one signature under another place'),
      forgeries('forged in the name of others'),
      forgeries('given out under other places'),
    ],
  },
  {
    attack: 'a certificate filled up with signatures from outside the committee',
    defence: 'only places of the committee count',
    edits: [
      edit(
        secagg('client/unmask.ts'),
        'const signatures = certificate.signatures.filter(({ place }) => committee.has(place));',
        'const signatures = certificate.signatures.filter(({ place }) => committee.size > 0 && place >= 0);',
      ),
    ],
    tests: [attacks('too few, filled up from outside')],
  },
  {
    attack: 'committee members that nobody enrolled',
    defence: 'the credentials of signers that are no neighbours are verified at R4',
    edits: [
      edit(
        secagg('client/unmask.ts'),
        'good.has(signed) && (good.has(credential.signed) || isVerified(round, credential.name)),',
        'good.has(signed) && (credential.name.length > 0 || isVerified(round, credential.name)),',
      ),
    ],
    tests: [attacks('one that nobody enrolled')],
  },
  {
    attack: 'duplicated committee signatures',
    defence: 'strictly ascending places',
    edits: [
      edit(
        secagg('down-messages.ts'),
        "if (!isAscending(signatures)) throw reader.malformed('its signatures are not in order of distinct places');",
      ),
    ],
    tests: [attacks('one place twice'), forgeries('counted twice')],
  },
  {
    attack: 'two headers on one roster',
    defence: 'ctx binds the header',
    edits: [
      edit(
        secagg('context.ts'),
        'return sha256(labels.ctx, planHash, sha256(header));',
        'return sha256(labels.ctx, planHash, sha256(header.slice(0, 50)));',
      ),
    ],
    tests: [attacks('give no masked input')],
  },
  {
    attack: 'two headers on one roster, and on overlapping ones: skM opened under one, used under the other',
    defence: 'at R2 every masking neighbour is shown to be in this ctx',
    edits: [ignoreDealEvidence],
    tests: [
      attacks('give no masked input'),
      forgeries('give no vector under either'),
      rosters('with the keys of one what was masked under the other'),
    ],
  },
  {
    attack: 'two plans for one round, shown to one device',
    defence: 'the first plan counts, and another one is evidence',
    edits: [
      edit(
        'client/session/session.ts',
        "if (state.work.is !== 'waiting') return [withOtherPlan(state, round, planHash), []];",
      ),
    ],
    tests: [test('client/session/session.test.ts', 'that is shown two plans for one round')],
  },
  {
    attack: 'one device shown another model',
    defence: 'ctx binds the plan',
    edits: [
      edit(
        secagg('context.ts'),
        'return sha256(labels.ctx, planHash, sha256(header));',
        'return sha256(labels.ctx, header.subarray(0, 0), planHash.subarray(0, 0));',
      ),
    ],
    tests: [attacks('the same roster with another model gives another context')],
  },
  {
    attack: 'one device shown another model, so that it masks where nobody else does',
    defence: 'advertisements are signed under the plan, and deals under ctx',
    edits: [ignoreRosterSignatures, ignoreDealEvidence],
    tests: [rosters('masks with nobody: it refuses the others')],
  },
  {
    attack: 'an invented device, or one with another leaf',
    defence: 'signatures and credentials of all neighbours are verified before R1a',
    edits: [ignoreRosterSignatures],
    tests: [
      attacks('a leaf that its device did not sign'),
      attacks('a credential of another day'),
      forgeries('gets no share of the only real device in it'),
    ],
  },
  {
    attack: 'a roster of which the coordinator shows a part or another order',
    defence: 'the whole roster, ascending, under its root',
    edits: [
      edit(
        secagg('roster.ts'),
        'compare(leaves[i - 1]!.deviceId, leaf.deviceId) < 0',
        'compare(leaf.deviceId, leaf.deviceId) === 0',
      ),
    ],
    tests: [attacks('another order')],
  },
  {
    attack: 'a roster under another root',
    defence: 'the root is recomputed',
    edits: [
      edit(
        secagg('roster.ts'),
        'equal(header.rosterRoot, rosterRoot(advertisements))',
        'header.rosterRoot.length === 32',
      ),
    ],
    tests: [attacks('another root')],
  },
  {
    attack: 'duplicate keys',
    defence: 'all keys of a roster differ',
    edits: [edit(secagg('roster.ts'), 'areDistinct(leaves.flatMap((leaf) => [leaf.channelKey, leaf.maskKey])) &&')],
    tests: [
      attacks('one mask key twice'),
      attacks('one channel key twice'),
      forgeries('the mask key of another'),
      forgeries('the channel key of another'),
    ],
  },
  {
    attack: 'small-order keys, ids of one’s own choice',
    defence: 'one strict rule before any provider',
    edits: [edit(secagg('roster.ts'), 'areSoundLeaves(leaves, task) &&')],
    tests: [
      attacks('a small-order mask key'),
      attacks('an id of its own choice'),
      forgeries('a mask key of small order'),
    ],
  },
  {
    attack: 'S + L signatures',
    defence: 'S below the group order, for every provider alike',
    edits: [
      edit(
        'shared/crypto/validation.ts',
        'isBelow(signature.subarray(keyBytes), groupOrder)',
        'signature.length > keyBytes',
      ),
    ],
    tests: [test('shared/crypto/provider.test.ts', 'the one verdict on every doubtful signature')],
  },
  {
    attack: 'a header with t, k, s, m or T too weak',
    defence: 'the numbers are verified by exact tails',
    edits: [edit(secagg('inspect.ts'), "if (!isStrong(header, plan)) return 'parameters-too-weak';")],
    tests: [
      attacks('t within the reach of the corrupt'),
      attacks('fewer neighbours'),
      attacks('a committee that two sets could win'),
      forgeries('t = 1'),
      forgeries('T = 5'),
      forgeries('four neighbours'),
    ],
  },
  {
    attack: 'a header with too small a minSurvivors',
    defence: 'minSurvivors ≥ n − D',
    edits: [edit(secagg('inspect.ts'), "if (!hasSurvivors(header, plan)) return 'survivors-too-few';")],
    tests: [attacks('fewer survivors'), forgeries('minSurvivors = 2')],
  },
  {
    attack: 'fewer honest devices than the device insists on',
    defence: 'its own floor of h',
    edits: [edit(secagg('inspect.ts'), "if (honest < Math.max(1, floors.minHonest)) return 'survivors-too-few';")],
    tests: [attacks('honest devices')],
  },
  {
    attack: 'a header with less noise than the plan',
    defence: 'h·σ_c²·zden² ≥ znum²·Δ₂²',
    edits: [
      edit(
        secagg('inspect.ts'),
        "return hasNoise(header, plan, floors, honest) ? undefined : 'noise-too-weak';",
        'return undefined;',
      ),
    ],
    tests: [
      test(secagg('inspect.test.ts'), 'refuses honest devices that add less noise'),
      attacks('noise that the plan does not know'),
    ],
  },
  {
    attack: 'σ below the device’s own',
    defence: 'its own floor of σ',
    edits: [edit(secagg('inspect.ts'), "if (plan.sigma < floors.minSigma) return 'parameters-too-weak';")],
    tests: [attacks('less statistical security'), guard('of less statistical security')],
  },
  {
    attack: 'sybils moved into the victim’s cohort, or put into several',
    defence: 'a roster is the whole block that the roll draws for it, and nobody else',
    edits: [
      edit(
        secagg('client/deal.ts'),
        "return isBlock(entries, { roll, cohorts }, cohort) ? then(later) : refuse(later, 'bad-signature');",
        'return isBlock(entries, { roll, cohorts }, cohort) ? then(later) : then(later);',
      ),
    ],
    tests: [
      draws('moved into the victim’s block'),
      draws('put into both rosters'),
      draws('a roll without the device itself'),
      draws('a member that no roll has'),
      draws('another leaf of a member'),
      draws('a member of the other cohort'),
    ],
  },
  {
    attack: 'one identity in many cohorts, under several leaves',
    defence: 'every identity is on the roll once',
    edits: [
      edit(
        secagg('assignment.ts'),
        'compare(identityOf(roll[i - 1]!), identityOf(entry)) < 0',
        'compare(roll[i - 1]!, entry) < 0',
      ),
    ],
    tests: [draws('under several leaves each are on no roll'), draws('two leaves of one identity')],
  },
  {
    attack: 'a roll with an entry twice, or in an order of the coordinator’s choice',
    defence: 'the roll is strictly ascending',
    edits: [
      edit(
        secagg('assignment.ts'),
        'compare(identityOf(roll[i - 1]!), identityOf(entry)) < 0',
        'identityOf(entry).length > 0',
      ),
    ],
    tests: [draws('one entry twice on the roll'), draws('a roll in another order')],
  },
  {
    attack: 'another roll for each device',
    defence: 'the signed header names the root of the roll',
    edits: [edit(secagg('client/deal.ts'), '!equal(root, header.roundRoot)', 'root.length !== 32')],
    tests: [draws('the root of another roll')],
  },
  {
    attack: 'a block of another size, or of no cohort of the round',
    defence: 'n is the size of the block that N, G and the cohort’s number give',
    edits: [
      edit(secagg('inspect.ts'), 'if (cohortCount < 1 || cohort >= cohortCount || ', 'if (cohortCount < 1 || '),
      edit(secagg('inspect.ts'), 'blockSize(header) === devices && ', 'devices > 0 && '),
    ],
    tests: [draws('a block of another size'), draws('a cohort beyond the last')],
  },
  {
    attack: 'a round of more devices than a device can check',
    defence: 'N is bounded before the roll is read',
    edits: [
      edit(
        secagg('down-messages.ts'),
        "if (roundDevices > mostOnRoll) throw reader.malformed('its roll is too long');",
      ),
    ],
    tests: [draws('of more devices than a roll may hold')],
  },
  {
    attack: 'grinding rosters',
    defence: 'a roster counts for a minute after R0',
    edits: [edit(secagg('client/deal.ts'), "if (round.now > deadline) return refuse(round, 'stale-round');")],
    tests: [attacks('that took more than a minute')],
  },
  {
    attack: 'a plan by anybody else than the coordinator whose root key the app pins',
    defence: 'root, plan key and plan are one chain of signatures',
    edits: [
      edit(
        'client/session/prepare.ts',
        "if (verified.did !== 'verifyMany' || !verified.valid.every(Boolean)) return 'bad-signature';",
        "if (verified.did !== 'verifyMany') return 'bad-signature';",
      ),
    ],
    tests: [
      test('client/session/round.test.ts', 'signed by a key that nobody certified'),
      test('client/session/round.test.ts', 'whose key another root certified'),
      test('client/session/round.test.ts', 'by keys of the adversary’s own from top to bottom'),
    ],
  },
  {
    attack: 'a plan key that was stolen once, or is for other tasks',
    defence: 'its certificate names tasks, a time and an epoch',
    edits: [
      edit(secagg('plan-key.ts'), "if (!certificate.tasks.includes(plan.task)) return 'bad-signature';"),
      edit(
        secagg('plan-key.ts'),
        "if (now < certificate.notBefore || now > certificate.notAfter) return 'bad-signature';",
      ),
      edit(secagg('plan-key.ts'), "if (plan.round >> 48n !== BigInt(certificate.epoch)) return 'stale-round';"),
    ],
    tests: [
      guard('by a key for other tasks'),
      guard('by a key that is not valid yet'),
      guard('by a key that is not valid any more'),
      guard('of another epoch than its key'),
    ],
  },
  {
    attack: 'another purpose than the person agreed to, under another text',
    defence: 'the plan names the consent text, and it must be the one agreed to',
    edits: [
      edit('client/session/guard.ts', "if (!equal(plan.policyHash, stance.policyHash)) return 'policy-superseded';"),
    ],
    tests: [guard('under another consent text')],
  },
  {
    attack: 'a replayed round, a round jump',
    defence: 'round numbers only grow, and not by leaps',
    edits: [
      edit(
        secagg('plan-key.ts'),
        "return isNextRound(plan.round, lastRound) ? undefined : 'stale-round';",
        'return undefined;',
      ),
    ],
    tests: [guard('for a round that was claimed'), guard('that jumps over more than')],
  },
  {
    attack: 'a wider question than the broadcast asks',
    defence: 'the layout is computed from the broadcast',
    edits: [
      edit(
        'client/session/question.ts',
        'if (dimension(layout) !== plan.dimension || layout.length !== plan.segmentCount) return undefined;',
      ),
    ],
    tests: [guard('that asks for more, or in other parts')],
  },
  {
    attack: 'another broadcast than the one signed',
    defence: 'its hash is in the plan',
    edits: [
      edit('client/session/question.ts', "if (!equal(sha256(broadcast), plan.broadcastHash)) return 'bad-signature';"),
    ],
    tests: [guard('in other bytes than the plan names')],
  },
  {
    attack: 'a second tab, a restart',
    defence: 'a round is claimed by compare-and-set',
    edits: [
      edit(
        'client/training/ledger.ts',
        'return this.#store.compareAndSet(keyOf(task, round), undefined, encodeRecord(entry));',
        'await this.#store.put(keyOf(task, round), encodeRecord(entry)); return true;',
      ),
    ],
    tests: [
      test('client/training/ledger.test.ts', 'are won once'),
      test('client/session/round.test.ts', 'holds between two tabs'),
    ],
  },
  {
    attack: 'a crash after a message and before its record',
    defence: 'a device writes before it sends',
    edits: [
      edit(
        secagg('client/state.ts'),
        "{ round: { ...round, lastId: id }, phase: { at: 'working', id, next: (later) => then(later) } },\n    [{ do: 'persist', id, record: { ...record, task, round: number } }],\n  ];",
        "...(([state, effects]) => [state, [{ do: 'persist', id, record: { ...record, task, round: number } }, ...effects]] as const)(then({ ...round, lastId: id })),\n  ] as unknown as Step;",
      ),
    ],
    tests: [test(secagg('client.test.ts'), 'claims the round before it advertises')],
  },
  {
    attack: 'ten tasks against one ledger',
    defence: 'one ledger counts all tasks of the app',
    edits: [
      edit(
        'client/training/ledger.ts',
        'hasRoom(usedOf(entries, now), asked, limits) &&',
        'hasRoom(usedOf(entries.filter(({ task }) => task === asked.task), now), asked, limits) &&',
      ),
    ],
    tests: [test('client/training/ledger.test.ts', 'count the rounds of all tasks within a day')],
  },
  {
    attack: 'a late masked input',
    defence: 'b is never opened for a device outside U2, and the coordinator takes one answer per turn',
    edits: [
      edit(
        secagg('client/unmask.ts'),
        'return tag ? revealSelfMask(holdings, index, tag) : revealMaskKey(holdings, index);',
        "const pair = holdings.shares.get(index); return tag ? revealSelfMask(holdings, index, tag) : pair ? { about: 'self-mask', ...pair.selfMask } : revealMaskKey(holdings, index);",
      ),
    ],
    tests: [survivors('stays masked, although the mask key')],
  },
  {
    attack: 'shares that differ from what their dealer signed',
    defence: 'a holder compares them with the hashes',
    edits: [
      edit(
        secagg('client/acknowledge.ts'),
        'return isAsSigned ? pair : undefined;',
        'return isAsSigned || !isAsSigned ? pair : undefined;',
      ),
    ],
    tests: [survivors('whose boxes hold other shares than it signed')],
  },
  {
    attack: 'boxes exchanged or doubled on their way',
    defence: 'one key per direction, dealer and holder in the box',
    edits: [
      edit(
        secagg('context.ts'),
        'const [boxOut, boxIn, viewOut, viewIn] = hkdfMany(secret, ctx, infos, 32);',
        'const [, , viewOut, viewIn] = hkdfMany(secret, ctx, infos, 32); const [boxOut, boxIn] = [ctx, ctx];',
      ),
      edit(
        secagg('client/acknowledge.ts'),
        'if (!pair || pair.dealer !== seat.neighbours[index] || pair.holder !== seat.place) return undefined;',
        'if (!pair) return undefined;',
      ),
    ],
    tests: [survivors('a holder takes no share that was made for another')],
  },
  {
    attack: 'shares that do not give the secret advertised',
    defence: 'opened secrets are checked against commitment and public key',
    edits: [
      edit(secagg('server/sum.ts'), 'if (liars.length > 0) {', 'if (liars.length > mostLiars) {'),
      edit(
        secagg('server/sum.ts'),
        '/** One secret that must be opened',
        'const mostLiars = 9;\n/** One secret that must be opened',
      ),
    ],
    tests: [server('whose signed shares do not give what it advertised')],
  },
  {
    attack: 'holders that lie at R4',
    defence: 'shares are checked against the dealer’s hash',
    edits: [
      edit(
        secagg('server/sum.ts'),
        'if (!isGood) liars.add(holder);\n        return isGood;',
        'return isGood || !isGood;',
      ),
    ],
    tests: [server('that reveals a false share is named')],
  },
  {
    attack: 'a holder that reveals what nobody asked for',
    defence: 'the coordinator takes one kind about each place',
    edits: [
      edit(
        secagg('server/unmask.ts'),
        'if (neighbours.every(isAsked)) return unmasking;',
        'if (neighbours.every(isAsked) || unmasking) return unmasking;',
      ),
    ],
    tests: [server('that reveals the mask key of a survivor')],
  },
  {
    attack: 'a survivor with false tags',
    defence: 'named by more complaints than can be lies',
    edits: [
      edit(
        secagg('server/sum.ts'),
        'const blamed = accuse(run, falseTaggers(run.members, said));',
        'const blamed = falseTaggers(run.members, said) && run;',
      ),
    ],
    tests: [server('whose view tags are false is named')],
  },
  {
    attack: 'messages in another’s name',
    defence: 'every turn is signed',
    edits: [
      edit(
        secagg('server/run.ts'),
        'then(later, new Set(places.filter((_, i) => valid[i]))),',
        'then(later, new Set(places.filter((_, i) => valid.length > i))),',
      ),
    ],
    tests: [server('counts as never sent: masked-input'), server('counts as never sent: unmask')],
  },
  {
    attack: 'maximal and garbage values',
    defence: 'a sum out of range is discarded',
    edits: [
      edit(
        'shared/encoding/pipeline.ts',
        'return sum.every((word) => Math.abs(word | 0) <= reach);',
        'return sum.length >= 0 && reach > 0;',
      ),
    ],
    tests: [server('whose contribution is beyond every honest one')],
  },
  {
    attack: 'oversized bytes',
    defence: 'every decoder reads to the end',
    edits: [
      edit(secagg('reader.ts'), "if (this.#offset !== this.#value.length) throw this.malformed('it is too long');"),
    ],
    tests: [
      test(secagg('messages.test.ts'), 'refuses every truncation and a byte too many'),
      test(secagg('messages.test.ts'), 'refuses an oversized text'),
    ],
  },
  {
    attack: 'truncated bytes',
    defence: 'no decoder reads beyond the end',
    edits: [
      edit(secagg('reader.ts'), "if (offset + length > this.#value.length) throw this.malformed('it is too short');"),
    ],
    tests: [test(secagg('messages.test.ts'), 'refuses every truncation and a byte too many')],
  },
  {
    attack: 'a smaller cohort than the device insists on',
    defence: 'its own floor of cohort',
    edits: [
      edit(
        secagg('inspect.ts'),
        "if (header.devices < Math.max(plan.minDevices, floors.minCohort)) return 'cohort-too-small';",
      ),
    ],
    tests: [attacks("own floor of 'cohort'")],
  },
  {
    attack: 'a smaller round than the device insists on',
    defence: 'its own floor of N',
    edits: [edit(secagg('inspect.ts'), "if (header.roundDevices < floors.minRoundDevices) return 'cohort-too-small';")],
    tests: [attacks("own floor of 'a whole round'")],
  },
  {
    attack: 'γ below the device’s own',
    defence: 'its own floor of γ',
    edits: [edit(secagg('inspect.ts'), 'plan.corruptBasisPoints < floors.minCorruptBasisPoints ||')],
    tests: [attacks('fewer assumed corrupt'), guard('that assumes fewer corrupt devices')],
  },
  {
    attack: 'δ above the device’s own',
    defence: 'its own ceiling of δ',
    edits: [
      edit(
        secagg('inspect.ts'),
        "if (plan.dropoutBasisPoints > floors.maxDropoutBasisPoints) return 'parameters-too-weak';",
      ),
    ],
    tests: [attacks('more dropouts'), guard('that tolerates more dropouts')],
  },
  {
    attack: 'a plan without noise, where the device insists on it',
    defence: 'its own list of mechanisms',
    edits: [
      edit(
        secagg('inspect.ts'),
        "return hasPromisedNoise(plan, floors) ? undefined : 'noise-too-weak';",
        'return undefined;',
      ),
    ],
    tests: [guard('without noise, where the device insists on it'), guard('of less noise than the device insists on')],
  },
  {
    attack: 'a task that had promised noise, and asks without',
    defence: 'the promise of the day of joining, kept on the device',
    edits: [
      edit('client/session/guard.ts', "if (!keepsPromise(plan, stance.promise)) return 'noise-too-weak';"),
      edit(
        'client/privacy/task-promise.ts',
        'if (promise !== undefined) return promise;',
        'if (promise !== undefined) return shown;',
      ),
    ],
    tests: [
      guard('without noise, where the task had promised some'),
      guard('whose coordinator adds the noise, where devices were to'),
      guard('of less noise than the task had promised'),
      test('client/privacy/task-promise.test.ts', 'whatever it shows later'),
    ],
  },
  {
    attack: 'an algorithm that the device does not know',
    defence: 'a closed registry: no code travels',
    edits: [
      edit(
        'client/session/question.ts',
        'const algorithm = [...algorithms.values()].find(({ name }) => equal(sha256(utf8(name)), plan.algorithmHash));',
        'const algorithm = algorithms.values().next().value;',
      ),
    ],
    tests: [guard('of an algorithm that the device does not have')],
  },
  {
    attack: 'a beacon, flags or more coordinators in the reserved bytes of a plan',
    defence: 'reserved bytes are zero',
    edits: [
      edit(
        secagg('reader.ts'),
        "if (!isZero(this.take(length))) throw this.malformed('a reserved field is used');",
        'if (isZero(this.take(length))) return;',
      ),
    ],
    tests: [test(secagg('messages.test.ts'), 'of the plan must be zero')],
  },
  {
    attack: 'plans beyond the device’s budget',
    defence: 'limits of rounds, bytes and ρ',
    edits: [
      edit(
        'client/training/ledger.ts',
        '!isMore(add(rhoThisYear, rho), fractionOf(limits.rhoPerYear))',
        '!isMore(rho, fractionOf(1e9))',
      ),
    ],
    tests: [guard('beyond the ρ of a year')],
  },
  {
    attack: 'NaN and infinite values in a contribution',
    defence: 'such a segment is zero',
    edits: [edit('shared/encoding/clip.ts', 'if (!Number.isFinite(norm)) return 0;')],
    tests: [test('shared/encoding/pipeline.test.ts', 'a segment with a number that is not finite is zero')],
  },
];
