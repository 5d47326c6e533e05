/** What a failed passkey means, in the language in use. */

import { text } from '$lib/text';
import { troubleOf } from './passkeys';

export function passkeyTrouble(error: unknown): string {
  const trouble = troubleOf(error);
  return 'code' in trouble ? text.error(trouble.code) : text.account.passkeyTrouble[trouble.browser];
}
