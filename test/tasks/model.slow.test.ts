/**
 * The store against a model of the state machine: whatever happens to a few tasks and workers, in whatever order
 * and from several connections, each row is as the model says, and the invariants hold.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { checkModel } from '../support/model/check.ts';
import { openStore } from '../support/service.ts';
import { useStore } from '../support/tasks.ts';

const store = useStore();
let others: Awaited<ReturnType<typeof openStore>>;
beforeAll(async () => {
  others = await openStore(store.url);
});
afterAll(() => others.close());

describe('whatever happens to tasks and workers', () => {
  it('each row is as the model says, and the invariants hold', () => checkModel({ store, others }, 40));
});
