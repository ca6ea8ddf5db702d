/** Tells clients apart by a key: all connections of a client have the same key. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';

/** Returns the key of a request's client: its IPv4 address, or the network of its IPv6 address. */
export type ClientOf = (request: IncomingMessage) => string;

/**
 * @param trustedProxies addresses and networks (CIDR) of proxies whose `X-Forwarded-For` is believed; all clients
 *   behind any other proxy count as one
 */
export function clientsBehind(trustedProxies: readonly string[]): ClientOf {
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    const [address = '', bits] = proxy.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  const isTrusted = (address: string) => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return ({ socket, headers }) => {
    let client = plain(socket.remoteAddress ?? '');
    const hops = headers['x-forwarded-for']?.toString().split(',') ?? [];
    // Each proxy appends the address of its own client: the last address that is no trusted proxy is the client.
    while (hops.length > 0 && isTrusted(client)) client = plain(hops.pop()?.trim() ?? '');
    return isIPv6(client) ? networkOf(client) : client;
  };
}

/** The address without a port, which some proxies add. `::ffff:192.0.2.1` (IPv4 as IPv6) becomes IPv4. */
function plain(address: string): string {
  return address
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The first 64 bits of an IPv6 address, as a client that has one address usually has all 2^64 of its network. */
function networkOf(address: string): string {
  const [head = '', tail = ''] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  if (address.includes('::')) while (groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
