/** Whatever is sent, there is always an answer, and it is never a 500. */
import { testAnythingSent } from './hostile.ts';

testAnythingSent(50);
