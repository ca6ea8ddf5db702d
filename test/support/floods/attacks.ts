/** Attacks by which clients without a key have taken the service down, as raw bytes on raw connections. */
import { randomUUID } from 'node:crypto';

export interface Attack {
  readonly connections: number;
  /** The bytes to send next: one request or many. */
  readonly bytes: (ids: readonly string[]) => string;
  /** Whether a connection sends without waiting for answers. Otherwise it sends one request at a time. */
  readonly isPipelined: boolean;
  /** Whether the attacker reads the answers. */
  readonly reads: boolean;
}

const get = (path: string, accept = '*/*') =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`;
const hundredIds = () => Array.from({ length: 100 }, () => randomUUID()).join(',');
const anyOf = (ids: readonly string[]) => ids[Math.floor(Math.random() * ids.length)] ?? '';

export const attacks = {
  /** No attack: measures what others see on this machine at this moment. */
  nobody: { connections: 0, bytes: () => '', isPipelined: false, reads: true },
  'first reads of ids that nobody has': {
    connections: 4,
    bytes: () => get(`/tasks?ids=${hundredIds()}`),
    isPipelined: true,
    reads: true,
  },
  'first reads of ids that nobody has, one request at a time': {
    connections: 200,
    bytes: () => get(`/tasks?ids=${hundredIds()}`),
    isPipelined: false,
    reads: true,
  },
  'pipelined /healthz': {
    connections: 2,
    bytes: () => get('/healthz').repeat(200),
    isPipelined: true,
    reads: true,
  },
  'pipelined polls': {
    connections: 40,
    bytes: (ids) => get(`/tasks/${anyOf(ids)}`).repeat(200),
    isPipelined: true,
    reads: true,
  },
  'pages of one task': {
    connections: 32,
    bytes: (ids) => get(`/tasks/${ids[0]}`, 'text/html'),
    isPipelined: false,
    reads: true,
  },
  'pages of many tasks': {
    connections: 32,
    bytes: (ids) => get(`/tasks/${anyOf(ids)}`, 'text/html'),
    isPipelined: false,
    reads: true,
  },
  'results that are never read': {
    connections: 40,
    bytes: (ids) => Array.from({ length: 200 }, () => get(`/tasks/${anyOf(ids)}`)).join(''),
    isPipelined: true,
    reads: false,
  },
  'pages that are never read': {
    connections: 40,
    bytes: (ids) => Array.from({ length: 100 }, () => get(`/tasks/${anyOf(ids)}`, 'text/html')).join(''),
    isPipelined: true,
    reads: false,
  },
} as const satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;
