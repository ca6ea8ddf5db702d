/** Who a request comes from: one key for each client, however many connections it has. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';

/** The address of a client, or the network of one that has as many as it likes. */
export type ClientOf = (request: IncomingMessage) => string;

/**
 * @param trustedProxies addresses and networks (CIDR) of proxies whose `X-Forwarded-For` is believed; all clients
 * of another proxy are one
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
    // Each proxy adds whom it has heard: the last one that is no proxy of ours is the client, if it says true.
    while (hops.length > 0 && isTrusted(client)) client = plain(hops.pop()?.trim() ?? '');
    return isIPv6(client) ? networkOf(client) : client;
  };
}

/** `::ffff:192.0.2.1` is 192.0.2.1; `[2001:db8::1]:443` and `192.0.2.1:443` are said by some proxies. */
function plain(address: string): string {
  return address
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Who has one address of IPv6 has 2^64 of them: its first 64 bits. */
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
