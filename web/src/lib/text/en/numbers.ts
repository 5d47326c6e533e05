/** Counting in English. */

import { numbersIn } from '../plural';

export const { count, figures } = numbersIn('en');
