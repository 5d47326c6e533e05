/** The settings while they are being changed: what was asked for, and saving it. */

import { place } from '$lib/account/place.svelte';
import { admin, type MailServer, type Settings } from '$lib/api/admin';
import { ApiError } from '$lib/api/client';

/** What a mail server is until somebody says otherwise: the port of RFC 8314 for submission over TLS. */
const NEW_MAIL: MailServer = { host: '', port: 465, user: '', from: '', tls: 'tls' };

export class SettingsForm {
  settings = $state<Settings | null>(null);
  mail = $state<MailServer>({ ...NEW_MAIL });
  withMail = $state(false);
  password = $state('');
  /** Where a test letter goes. */
  testTo = $state('');
  busy = $state(false);
  /** Code of what went wrong last. */
  wrong = $state<string | null>(null);
  /** What has just been done. */
  done = $state<'saved' | 'tested' | null>(null);

  load = () => this.attempt(async () => this.take(await admin.settings()));

  /** Returns whether they were saved. */
  save = () =>
    this.attempt(async () => {
      if (!this.settings) return;
      // A password that is not typed again stays as it is.
      const mail = this.withMail ? { ...this.mail, ...(this.password && { password: this.password }) } : null;
      this.take(await admin.saveSettings({ ...this.settings, mail }));
      this.done = 'saved';
      // The name stands at the head of every page.
      void place.again();
    });

  test = () =>
    this.attempt(async () => {
      await admin.testMail(this.testTo);
      this.done = 'tested';
    });

  private take(settings: Settings) {
    this.settings = settings;
    this.withMail = settings.mail !== null;
    this.mail = settings.mail ?? { ...NEW_MAIL };
    this.password = '';
  }

  private async attempt(doing: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.wrong = null;
    this.done = null;
    try {
      await doing();
      return true;
    } catch (error) {
      this.wrong = error instanceof ApiError ? error.code : 'internal';
      return false;
    } finally {
      this.busy = false;
    }
  }
}
