/** Anything may be sent: the answer is never a fault of ours, and it always comes. */
import { testAnythingSent } from './hostile.ts';

testAnythingSent(50);
