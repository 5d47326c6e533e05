/** Running the server, typed: docs/PROTOCOL.md, "Administration". For the owner and admins; to others it is not there. */

import type { Person, Role } from '$lib/protocol/types';
import { api } from './client';

/** A member as admins see them. Times are milliseconds since 1970. */
export interface AdminMember {
  person: Person;
  sponsor: Person | null;
  created_at: number;
  /** How many they let in themselves. */
  guests: number;
  suspended: boolean;
  admin: boolean;
  owner: boolean;
}

/** A member in the invite tree. */
export interface TreeNode {
  id: string;
  handle: string;
  name: string;
  /** The id of who let them in; null where that is not known. */
  sponsor: string | null;
  suspended: boolean;
  guests: number;
}

export interface Tree {
  nodes: TreeNode[];
  /** Whether there are more people below than are listed. */
  truncated: boolean;
}

export interface Suspension {
  person: Person;
  /** The handle of the member with whose branch they were suspended; null for somebody suspended alone. */
  root: string | null;
  /** The handle of who did it. */
  author: string | null;
  reason: string;
  at: number;
}

export interface Waiting {
  id: string;
  handle: string;
  name: string;
  note: string;
  language: string;
  created_at: number;
  expires_at: number;
  state: 'waiting' | 'invited';
}

export interface Report {
  id: string;
  reporter: Person | null;
  about: Person | null;
  room: string | null;
  house: string | null;
  reason: string;
  text: string;
  /** Who hosted the room then. */
  room_host: Person | null;
  /** What the server knew at that moment. */
  context: ReportContext;
  created_at: number;
  handled_at: number | null;
  handled_by: Person | null;
  outcome: string | null;
  /** The last minute of sound that went with it, a track for each person; or the voice note that is reported. */
  evidence: Track[];
  /** Where the replay or the clip that it is about can be heard, if it can. */
  audio: string | null;
}

/** What somebody said in the minute before a report. */
export interface Track {
  /** Its number in the report. */
  n: number;
  /** Null for somebody who has left. */
  by: Person | null;
  began_at: number;
  /** How long it is, in ms. */
  ms: number;
}

/** What is not known, or was not reported, is absent or null. */
export interface ReportContext {
  about?: {
    handle: string;
    name: string;
    joined_at: number;
    followed: boolean;
    follows_reporter: boolean;
    blocked: boolean;
    muted: boolean;
  } | null;
  room?: { title: string; about_role: Role | null; reporter_role: Role | null } | null;
  house?: { handle: string; name: string } | null;
  /** What somebody wrote to an invitation, as it was then. */
  written?: {
    kind: 'letter' | 'question' | 'reply';
    invitation: string;
    language: string | null;
    title: string;
    text: string;
  } | null;
  /** What somebody made of or said to a replay, as it was then. */
  replay?: {
    kind: 'replay' | 'clip' | 'reply';
    replay: string;
    /** The clip or the reply. */
    part: string | null;
    title: string;
    text: string;
    /** About which moment of the replay it is, or where the clip begins, in ms. */
    at_ms: number | null;
    /** How long the clip or the voice note is, in ms. */
    ms: number | null;
  } | null;
}

export interface AuditEntry {
  id: string;
  at: number;
  actor: Person | null;
  act: string;
  about: Person | null;
  /** Ids, numbers and words that belong to it, by name. */
  details: Record<string, string>;
  /** In which house, if its admin did it there. */
  house: { handle: string; name: string } | null;
  /** Why, in the words of a house's admin. */
  reason: string;
}

export interface Health {
  version: string;
  /** Milliseconds since the start. */
  uptime: number;
  database: 'sqlite' | 'postgres';
  /** Bytes. */
  database_size: number;
  /** Bytes of memory; null where that cannot be known. */
  memory: number | null;
  members: number;
  sessions: number;
  rooms: number;
  on_stage: number;
  listening: number;
  mail: boolean;
  push: boolean;
  /** How many of the server's standing tasks had to be started again. */
  task_restarts: number;
}

export type MailTls = 'tls' | 'starttls' | 'none';

export interface MailServer {
  host: string;
  port: number;
  user: string;
  /** Only to set it; it is never read back. */
  password?: string;
  from: string;
  tls: MailTls;
}

export interface Settings {
  name: string;
  languages: string[];
  invites_per_member: number;
  invite_days: number;
  waitlist: boolean;
  mail: MailServer | null;
  /** For how many days replays are kept; null for good. */
  replay_days: number | null;
}

/** The settings with what goes with them. */
interface Kept extends Settings {
  languages_known: string[];
  set_up: boolean;
  mail: (MailServer & { has_password: boolean }) | null;
}

/** Only what may be sent back. */
function settable(kept: Kept): Settings {
  const { name, languages, invites_per_member, invite_days, waitlist, mail, replay_days } = kept;
  const server = mail && {
    host: mail.host,
    port: mail.port,
    user: mail.user,
    from: mail.from,
    tls: mail.tls,
  };
  return { name, languages, invites_per_member, invite_days, waitlist, mail: server, replay_days };
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export const admin = {
  /** How many members suspending somebody's branch would be about, themselves included. */
  branchOf: async (handle: string) => (await api.json<{ branch: number }>('GET', of(handle))).branch,
  members: (after: string | null, q: string) =>
    api.json<Page<AdminMember>>('GET', `/api/admin/members${query({ after, q })}`),
  setAdmin: (handle: string, on: boolean) => api.json<void>(on ? 'PUT' : 'DELETE', `${of(handle)}/admin`),
  tree: (root: string | null) => api.json<Tree>('GET', `/api/admin/tree${query({ root })}`),
  suspend: async (handle: string, branch: boolean, reason: string) =>
    (await api.json<{ count: number }>('POST', `${of(handle)}/suspend`, { branch, reason })).count,
  restore: async (handle: string, branch: boolean) =>
    (await api.json<{ count: number }>('POST', `${of(handle)}/restore`, { branch })).count,
  suspensions: (after: string | null) =>
    api.json<Page<Suspension>>('GET', `/api/admin/suspensions${query({ after })}`),
  waitlist: (after: string | null) =>
    api.json<Page<Waiting>>('GET', `/api/admin/waitlist${query({ after })}`),
  removeWaiting: (waiting: string) =>
    api.json<void>('DELETE', `/api/admin/waitlist/${encodeURIComponent(waiting)}`),
  reports: (open: boolean, after: string | null) =>
    api.json<Page<Report>>('GET', `/api/admin/reports${query({ open: String(open), after })}`),
  /** Where a track can be listened to; that it was is written down. */
  trackOf: (report: string, track: number) =>
    `/api/admin/reports/${encodeURIComponent(report)}/evidence/${track}`,
  handle: (report: string, outcome: string, text: string) =>
    api.json<void>('POST', `/api/admin/reports/${encodeURIComponent(report)}`, { outcome, text }),
  audit: (after: string | null) => api.json<Page<AuditEntry>>('GET', `/api/admin/audit${query({ after })}`),
  health: () => api.json<Health>('GET', '/api/admin/health'),
  settings: async () => settable(await api.json<Kept>('GET', '/api/admin/settings')),
  saveSettings: async (settings: Settings) =>
    settable(await api.json<Kept>('PUT', '/api/admin/settings', settings)),
  testMail: (to: string) => api.json<void>('POST', '/api/admin/settings/test-mail', { to }),
};

function of(handle: string): string {
  return `/api/admin/members/${encodeURIComponent(handle)}`;
}

function query(parts: Record<string, string | null>): string {
  const given = Object.entries(parts).filter(
    (part): part is [string, string] => part[1] !== null && part[1] !== '',
  );
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}
