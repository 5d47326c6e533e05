/** Counting in Russian. */

import { numbersIn } from '../plural';

export const { count, figures } = numbersIn('ru');
