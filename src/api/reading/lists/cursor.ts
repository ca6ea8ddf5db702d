/**
 * Cursors of lists. They hold the id of a task, which is a capability, and stand in URLs that people share:
 * so cursors are encrypted, and one that this service did not make is refused.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import type { ListPosition, TaskFilter } from '../../../tasks/queries/list.ts';
import { fieldError, type HttpProblem, invalidFields } from '../../http/problems.ts';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const timeBytes = 6;
const idBytes = 16;
const filterBytes = 8;
const positionBytes = timeBytes + idBytes;
const sealedBytes = nonceBytes + positionBytes + filterBytes + tagBytes;

export class Cursors {
  private readonly secret: Buffer;

  /** @param secret 32 bytes, the same in every process that answers */
  constructor(secret: Buffer) {
    this.secret = secret;
  }

  /** A cursor for the page after `position`, which works only for the list with these filters. */
  seal(position: ListPosition, filter: TaskFilter): string {
    const plain = Buffer.alloc(positionBytes);
    plain.writeUIntBE(position.createdAt.getTime(), 0, timeBytes);
    plain.write(position.id.replaceAll('-', ''), timeBytes, 'hex');
    const content = Buffer.concat([plain, digestOf(filter)]);
    // Derived from the content: the same page has the same link, and no nonce is used for two contents.
    const nonce = createHmac('sha256', this.secret).update(content).digest().subarray(0, nonceBytes);
    const cipher = createCipheriv(algorithm, this.secret, nonce);
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
    return Buffer.concat([nonce, encrypted, cipher.getAuthTag()]).toString('base64url');
  }

  /** @throws {HttpProblem} 400 for a cursor that this service did not make, or made for other filters */
  open(cursor: string, filter: TaskFilter): ListPosition {
    const content = this.decrypt(cursor);
    if (!content) throw refusal('is not a cursor of this service; begin again without it');
    if (!content.subarray(positionBytes).equals(digestOf(filter))) {
      throw refusal('belongs to a list with other filters; begin again without it');
    }
    const createdAt = new Date(content.readUIntBE(0, timeBytes));
    const id = content.toString('hex', timeBytes, positionBytes);
    return { createdAt, id: id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') };
  }

  private decrypt(cursor: string): Buffer | undefined {
    const sealed = Buffer.from(cursor, 'base64url');
    // Decoding skips characters that are not base64url. A cursor with such characters is refused.
    if (sealed.length !== sealedBytes || sealed.toString('base64url') !== cursor) return undefined;
    const decipher = createDecipheriv(algorithm, this.secret, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    const content = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
    try {
      decipher.final();
      return content;
    } catch {
      return undefined;
    }
  }
}

function digestOf({ status, type, group }: TaskFilter): Buffer {
  const text = JSON.stringify([status ?? null, type ?? null, group ?? null]);
  return createHash('sha256').update(text).digest().subarray(0, filterBytes);
}

function refusal(message: string): HttpProblem {
  return invalidFields([fieldError(['cursor'], message)]);
}
