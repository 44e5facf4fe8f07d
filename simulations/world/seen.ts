/** What somebody sees who sees everything in a world: for laws to judge, and for an account of what happened. */

import type { Moment } from '@chorale/coordinator';
import type { DeviceId, Packet, Reply, TaskId } from '@chorale/shared';
import type { Place } from './weather.ts';

export type Ends = { readonly task: TaskId; readonly device: DeviceId };

export type Seen =
  /** A packet is about to leave a device. */
  | { readonly see: 'sent'; readonly device: number; readonly ends: Ends; readonly packet: Packet }
  /** What the coordinator answers to a packet, before the answer travels. */
  | { readonly see: 'replied'; readonly ends: Ends; readonly packet: Packet; readonly reply: Reply }
  /** A packet is about to leave the coordinator. */
  | { readonly see: 'pushed'; readonly ends: Ends; readonly packet: Packet }
  /** A device hears something. */
  | { readonly see: 'heard'; readonly device: number; readonly ends: Ends; readonly packet: Packet }
  /** A request has reached the coordinator. */
  | ({ readonly see: 'asked'; readonly device: number } & HttpRequest)
  /** Its answer is about to leave the coordinator. */
  | ({ readonly see: 'answered'; readonly device: number; readonly status: number } & HttpRequest)
  /** A round of the coordinator has come to a step. */
  | { readonly see: 'step'; readonly moment: Moment }
  | { readonly see: 'started' | 'died'; readonly who: Place }
  /** Something else, in words. */
  | { readonly see: 'noted'; readonly who: Place | 'network' | 'people'; readonly what: string }
  /** What a part of us calls its own fault. */
  | { readonly see: 'defect'; readonly who: Place; readonly error: unknown };

export type HttpRequest = { readonly method: string; readonly path: string; readonly body: unknown };

export type Watch = (seen: Seen) => void;
