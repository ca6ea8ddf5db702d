import { it } from 'vitest';
import { checkPolls } from '../../support/poll-property.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();

it('no client gets an older version than it got before, than this process wrote, or than was stored a tick ago', () =>
  checkPolls(store, 120));
