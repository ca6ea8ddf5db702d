/** What every page without a script of its own needs. */
import { localiseTimes } from './local-times.js';

localiseTimes(document);
