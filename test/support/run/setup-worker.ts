/** Runs in each of vitest's workers before each test file. */
import { signIn } from './workers.ts';

signIn();
