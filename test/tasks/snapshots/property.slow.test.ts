import { it } from 'vitest';
import { checkPolls } from '../../support/poll-property.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();

it('no client is told less than it was told before, than this process wrote, or than was there a tick ago', () =>
  checkPolls(store, 120));
