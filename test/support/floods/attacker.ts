/** A process that attacks until it is ended. It runs apart so as not to slow down the measurement. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Attack, type AttackName, attacks } from './attacks.ts';

const [name, port, idsFile] = process.argv.slice(2);
const attack: Attack = attacks[name as AttackName];
const ids = JSON.parse(readFileSync(idsFile ?? '', 'utf8')) as string[];
const reconnectMs = 100;

for (let number = 0; number < attack.connections; number += 1) open();
// The process that started this one has ended.
process.on('disconnect', () => process.exit());

function open(): void {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(open, reconnectMs));
  if (attack.isPipelined) {
    const send = () => {
      if (socket.destroyed) return;
      if (socket.write(attack.bytes(ids))) setImmediate(send);
    };
    socket.on('connect', send);
    socket.on('drain', () => setImmediate(send));
  } else {
    const send = () => socket.write(attack.bytes(ids));
    socket.on('connect', send);
    onAnswers(socket, send);
  }
  if (attack.reads) socket.resume();
}

/** Calls `next` whenever the whole of an answer with a Content-Length has arrived. */
function onAnswers(socket: ReturnType<typeof connect>, next: () => void): void {
  let head = '';
  let rest = 0;
  socket.on('data', (chunk) => {
    if (rest === 0) {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      rest = length - (head.length - end - 4);
      head = '';
    } else rest -= chunk.length;
    if (rest <= 0) {
      rest = 0;
      next();
    }
  });
}
