/** What a person can agree to, each by itself: scoring stays possible where training is refused. */

import * as z from 'zod/mini';

export const purposes = ['scoring', 'personalization', 'training', 'diagnostics'] as const;
export const purpose = z.enum(purposes);
export type Purpose = z.infer<typeof purpose>;
