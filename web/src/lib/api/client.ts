/** The HTTP surface of docs/PROTOCOL.md, typed. Every refusal is an `ApiError` with the protocol's code. */

import type { components } from './schema';

type Schemas = components['schemas'];

/** An answer of the server: it leaves no field out, and says null where the description says that a field may be absent. */
export type Answer<T> = T extends (infer Item)[]
  ? Answer<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Answer<Exclude<T[Key], undefined>> }
    : T;

export type Me = Answer<Schemas['Me']>;
export type InviteInfo = Answer<Schemas['Invite']>;
export type RoomCard = Answer<Schemas['RoomCard']>;
export type NewRoom = Schemas['NewRoom'];
export type Roster = Answer<Schemas['Roster']>;

/** A leg as the server made it. */
export interface MadeLeg {
  /** The SDP answer. */
  answer: string;
  id: string;
}

/** A refusal: a code of docs/PROTOCOL.md, or `unreachable` when no answer came (then `status` is 0). */
export class ApiError extends Error {
  constructor(
    /** `rate_limited` has the seconds to wait behind a colon, where the server said them: whoever shows the code shows them too. */
    readonly code: string,
    message: string,
    readonly status: number,
    /** After how many seconds the server wants to be asked again (`Retry-After`), if it said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Whether trying the same again later can help. */
export function isPassing(error: ApiError): boolean {
  return error.status === 0 || error.status === 429 || error.status >= 500;
}

/** How long a refusal asks to wait before the next try, in ms; null when it does not say. */
export function asksToWait(error: unknown): number | null {
  return error instanceof ApiError && error.retryAfter !== null ? error.retryAfter * 1_000 : null;
}

export class Api {
  constructor(private readonly fetcher: typeof fetch = (...args) => fetch(...args)) {}

  invite(code: string): Promise<InviteInfo> {
    return this.json('GET', `/api/invites/${encodeURIComponent(code)}`);
  }

  redeem(code: string, body: Schemas['Redeem']): Promise<Me> {
    return this.json('POST', `/api/invites/${encodeURIComponent(code)}/redeem`, body);
  }

  me(): Promise<Me> {
    return this.json('GET', '/api/me');
  }

  signOut(): Promise<void> {
    return this.json('DELETE', '/api/session');
  }

  /** Follows or stops following a member. */
  follow(handle: string, on: boolean): Promise<void> {
    return this.json(on ? 'PUT' : 'DELETE', `/api/members/${encodeURIComponent(handle)}/follow`);
  }

  room(id: string): Promise<RoomCard> {
    return this.json('GET', `/api/rooms/${encodeURIComponent(id)}`);
  }

  openRoom(room: NewRoom): Promise<Schemas['RoomCreated']> {
    return this.json('POST', '/api/rooms', room);
  }

  /** A page of everybody present, by number, after the number `after`. */
  /** Who is in a room: everybody, whoever has `q` in their name, or the listeners whom somebody on stage follows. */
  roster(id: string, after: number, { q = '', followed = false } = {}): Promise<Roster> {
    const query = new URLSearchParams({ after: String(after), q, followed: String(followed) });
    return this.json('GET', `/api/rooms/${encodeURIComponent(id)}/roster?${query}`);
  }

  /** Offers a media leg (WHIP, RFC 9725, or WHEP). */
  async makeLeg(room: string, kind: 'listen' | 'publish', offer: string): Promise<MadeLeg> {
    const path = `/api/rooms/${encodeURIComponent(room)}/${kind}`;
    const response = await this.send('POST', path, offer, 'application/sdp');
    const id = response.headers.get('Location')?.split('/').pop();
    if (!id) throw new ApiError('internal', 'the answer names no leg', response.status);
    return { answer: await response.text(), id };
  }

  /** Asks for an address where the room can be heard as a plain stream. */
  plainStream(room: string): Promise<Schemas['StreamTicket']> {
    return this.json('POST', `/api/rooms/${encodeURIComponent(room)}/stream`);
  }

  endLeg(room: string, leg: string): Promise<void> {
    return this.json('DELETE', `/api/rooms/${encodeURIComponent(room)}/legs/${encodeURIComponent(leg)}`);
  }

  /** A request with JSON in both directions; an answer without a body is undefined. Rejects with an `ApiError`. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.send(method, path, text, 'application/json');
    const answer = await response.text();
    return (answer === '' ? undefined : JSON.parse(answer)) as T;
  }

  /** A request as it is; gives the answer if it is a success. Rejects with an `ApiError`. */
  async send(method: string, path: string, body?: BodyInit, type = 'application/json'): Promise<Response> {
    const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': type };
    let response: Response;
    try {
      response = await this.fetcher(path, { method, headers, ...(body === undefined ? {} : { body }) });
    } catch {
      throw new ApiError('unreachable', 'the server did not answer', 0);
    }
    if (response.ok) return response;
    throw await refusal(response);
  }
}

export const api = new Api();

/** Reads the error body; what is not ours (a proxy's page) becomes `unreachable` or `internal`. */
async function refusal(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as Partial<Record<'code' | 'message', unknown>>;
    if (typeof body.code === 'string') {
      const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
      const retryAfter = Number.isNaN(seconds) ? null : seconds;
      const code =
        body.code === 'rate_limited' && retryAfter !== null ? `rate_limited:${retryAfter}` : body.code;
      return new ApiError(code, String(body.message ?? ''), response.status, retryAfter);
    }
  } catch {
    // Not JSON: below.
  }
  const away = response.status === 502 || response.status === 503 || response.status === 504;
  return new ApiError(away ? 'unreachable' : 'internal', response.statusText, response.status);
}
